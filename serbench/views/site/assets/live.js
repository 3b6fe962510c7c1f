// Loads the page again when the database behind it has changed; filters are in the address.
"use strict";
(() => {
  const address = new URL("../version", document.currentScript.src);
  const every = 5000;
  let known = null;
  async function look() {
    if (document.hidden) return;
    try {
      const answer = await fetch(address, { cache: "no-store" });
      if (!answer.ok) return;
      const found = await answer.text();
      if (known !== null && found !== known) location.reload();
      known = found;
    } catch {
      // The server has ended: the page stays as it is.
    }
  }
  look();
  setInterval(look, every);
})();
