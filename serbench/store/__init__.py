"""What came out: the store and the leaderboard."""
