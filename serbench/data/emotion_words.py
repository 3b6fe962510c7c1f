"""Words for the canonical emotions in many languages, as labels of recordings use them.

Sources of the words: the codes and label words come from the documentation of public corpora
(RAVDESS, CREMA-D, TESS, IEMOCAP, MELD, ESD, EMOVO, MESD, CaFE, CASIA, nEMO, SUBESCO, TurEV, ShEMO,
AESDD and others); the words of each language are the common dictionary translations of the ten
nouns and of the adjectives for a person with that emotion. The list was written for serbench. A
word that names different emotions in two languages or two corpora is omitted unless one meaning is
far more frequent in labels. The following words are omitted on purpose:

- single letters and most two-letter codes (``W`` is Wut in EmoDB, ``S`` is sadness in MSP-Podcast,
  and so is ``sa`` in SAVEE): only the plugin of the corpus, or ``--map``, translates them;
- words for related states (excited, frustrated, anxious, annoyed, relaxed, amused, normal): the
  user decides whether they count as one of the ten.
"""

from __future__ import annotations

WORDS: dict[str, str] = {
    "sadness": """
        sadness, sad, sadly, saddened, sorrow, sorrowful, unhappy, unhappiness
        Traurigkeit, traurig, Trauer, unglücklich
        tristesse, triste, malheureux, malheureuse
        tristeza, tristezza, rattristato, rattristata
        verdriet, verdrietig, droevig, droefheid, bedroefd
        smutek, smutny, smutna, smutne, smutno, smutný, smutná, żal
        üzüntü, üzgün, hüzün, hüzünlü, mutsuz
        грусть, печаль, грустный, грустная, грустно, печальный, печальная, печально
        сум, смуток, сумний, сумна, тъга, тъжен
        悲伤, 悲傷, 伤心, 傷心, 难过, 難過, 悲哀
        悲しみ, 悲しい, 哀しみ, 哀しい, かなしい
        슬픔, 슬픈, 슬프다
        sorg, sorgsen, ledsen, ledsenhet, trist, tristhet, surullinen, suru, surullisuus
        λύπη, λυπημένος, λυπημένη, θλίψη
        szomorúság, szomorú, tristețe, trist, tuga, tužan, tužna, žalost, žalosten
        حزن, حزين, غم, غمگین, ناراحت, اداس, اداسی
        उदासी, उदास, दुख, दुखी, দুঃখ, দুঃখিত
        עצב, עצוב, buồn, nỗi buồn, sedih, kesedihan, เศร้า, huzuni
        code: sad, tri""",
    "anger": """
        anger, angry, angered, angrily, mad, rage, enraged, fury, furious, hot anger, cold anger
        Wut, wütend, Zorn, zornig, Ärger, ärgerlich, verärgert
        colère, en colère, coléreux, coléreuse, fâché, fâchée, furieux, furieuse, énervé, énervée
        rabbia, arrabbiato, arrabbiata, collera, furioso, furiosa
        enojo, enojado, enojada, enfado, enfadado, enfadada, ira, rabia, cólera
        raiva, zangado, zangada
        woede, woedend, boos, boosheid, kwaad, kwaadheid
        gniew, złość, zły, zła, rozgniewany, wściekły, wściekłość, hněv, vztek, naštvaný
        öfke, öfkeli, kızgın, kızgınlık, sinirli
        злость, гнев, злой, злая, зло, сердитый, сердитая, гневный, ярость
        гнів, злість, злий, гняв, ядосан
        愤怒, 憤怒, 生气, 生氣, 怒, 发怒
        怒り, 怒った, おこった, いかり
        분노, 화남, 화난, 화나다, 노여움
        ilska, arg, vrede, vred, sinne, sint, viha, vihainen
        θυμός, θυμωμένος, θυμωμένη, οργή
        harag, dühös, düh, mérges, furie, furios, mânie, bijes, ljut, ljutnja, jeza, jezen
        غضب, غاضب, خشم, عصبانیت, عصبانی, خشمگین, غصہ
        गुस्सा, क्रोध, राग, রাগ, রাগান্বিত, ক্রোধ
        כעס, כועס, giận dữ, tức giận, marah, kemarahan, โกรธ, hasira
        code: ang, rab""",
    "disgust": """
        disgust, disgusted, disgusting, revulsion
        Ekel, angeekelt, angewidert, Abscheu
        dégoût, dégoûté, dégoûtée, écœurement
        disgusto, disgustato, disgustata
        asco, asqueado, asqueada, repugnancia, repulsión
        nojo, repugnância, aversão
        walging, walgend, afschuw, afkeer
        wstręt, obrzydzenie, zniesmaczony, odraza, znechucení, odpor
        iğrenme, tiksinti, tiksinme, iğrenmiş
        отвращение, отвратительно, відраза, огида
        厌恶, 厭惡, 恶心, 噁心, 反感
        嫌悪, 嫌悪感
        혐오, 혐오감, 역겨움
        avsky, äckel, äcklad, afsky, avsmak, inho
        αηδία, αηδιασμένος
        undor, undorodás, dezgust, scârbă, gađenje, gnus
        اشمئزاز, قرف, انزجار, نفرت
        घृणा, ঘৃণা
        גועל, ghê tởm, jijik, รังเกียจ
        code: dis, disg""",
    "fear": """
        fear, fearful, feared, afraid, scared, frightened, fright, anxiety/fear, fear/anxiety
        Angst, ängstlich, Furcht, furchtsam, verängstigt
        peur, apeuré, apeurée, effrayé, effrayée
        paura, impaurito, impaurita, spaventato, spaventata, timore
        miedo, asustado, asustada, temor, temeroso, temerosa
        medo, assustado, assustada, com medo, amedrontado
        bang, bangheid, vrees, angstig
        strach, przestraszony, przestraszona, przerażony, lęk, vystrašený
        korku, korkmuş, korkulu, korkan
        страх, испуг, испуганный, испуганная, страшно, боязнь, переляк
        恐惧, 恐懼, 害怕, 惊恐, 驚恐
        恐れ, 恐怖, 怖い, おそれ
        공포, 두려움, 무서움, 두려운
        rädsla, rädd, skräck, frygt, bange, redsel, redd, pelko, pelokas
        φόβος, φοβισμένος, φοβισμένη
        félelem, ijedt, frică, teamă, speriat, strah, prestrašen, uplašen
        خوف, خائف, ترس, ترسیده, ڈر
        डर, भय, भयभीत, ভয়, ভীত
        פחד, מפוחד, sợ hãi, takut, ketakutan, กลัว, hofu
        code: fea, pau""",
    "happiness": """
        happiness, happy, happily, joy, joyful, joyous, gladness, glad
        Freude, freudig, fröhlich, Fröhlichkeit, glücklich, Glück
        joie, joyeux, joyeuse, heureux, heureuse, bonheur
        gioia, gioioso, gioiosa, felicità, felice, allegria, allegro, allegra
        felicidad, feliz, alegría, alegre, contento, contenta
        felicidade, alegria
        blijdschap, blij, vreugde, vrolijk, geluk, gelukkig
        radość, radosny, radosna, szczęście, szczęśliwy, szczęśliwa, wesoły, štěstí, šťastný, radost
        mutluluk, mutlu, sevinç, sevinçli, neşe, neşeli
        радость, счастье, счастливый, счастливая, радостный, радостная, весёлый, веселый, радостно
        радість, щастя, щасливий, радост, щастие
        快乐, 快樂, 高兴, 高興, 开心, 開心, 喜悦, 喜悅, 幸福, 喜
        喜び, 嬉しい, 幸せ, 楽しい, よろこび, うれしい
        기쁨, 행복, 행복한, 기쁜, 즐거움
        glädje, glad, lycka, lycklig, glæde, lykke, lykkelig, ilo, iloinen, onnellinen, onnellisuus
        χαρά, χαρούμενος, χαρούμενη, ευτυχία, ευτυχισμένος
        boldogság, boldog, öröm, vidám, fericire, fericit, bucurie, bucuros, sreća, sretan, radost
        سعادة, سعيد, فرح, شادی, خوشحالی, شاد, خوشحال, خوشی
        खुशी, खुश, प्रसन्नता, प्रसन्न, সুখ, সুখী, আনন্দ, আনন্দিত, খুশি
        שמחה, שמח, vui, hạnh phúc, vui vẻ, senang, bahagia, kebahagiaan, มีความสุข, furaha
        code: hap, gio, joy""",
    "neutral": """
        neutral, neutrality, neutrally, no emotion, without emotion, emotionless, unemotional
        neutrale, Neutralität, emotionslos
        neutre, neutralité
        neutra, neutro, neutralità, neutralidad, neutralidade
        neutraal, neutralna, neutralny, neutralne, neutralność, obojętny, neutrální
        nötr, tarafsız, duygusuz
        нейтральный, нейтральная, нейтральное, нейтрально, нейтральность, нейтральний, неутрално
        中性, 中立, 无情绪, 無情緒, 普通
        ニュートラル, 平常
        중립, 평상, 무감정
        neutralt, nøytral, nøytralt, neutraali
        ουδέτερο, ουδέτερος, ουδετερότητα
        semleges, neutru, neutralno, neutralan, nevtralno
        محايد, حيادي, خنثی, بی تفاوت
        तटस्थ, উদাসীন, নিরপেক্ষ
        ניטרלי, trung tính, trung lập, netral, เป็นกลาง
        code: neu, neut, ntr""",
    "calm": """
        calm, calmness, calmly, serene, serenity
        ruhig, Ruhe, Gelassenheit, gelassen
        calme, sérénité, serein, sereine
        calma, calmo, tranquillo, tranquilla, tranquillità
        tranquilo, tranquila, tranquilidad, tranquilidade, serenidad
        kalm, kalmte, rustig
        spokój, spokojny, spokojna, klid, klidný
        sakin, sakinlik, huzurlu
        спокойствие, спокойный, спокойная, спокойно, спокій, спокійний
        平静, 平靜, 冷静, 冷靜
        穏やか, 落ち着き, おだやか
        평온, 차분, 침착
        lugn, rauhallinen
        ηρεμία, ήρεμος
        nyugodt, nyugalom, calmitate, mirno, smireno
        هدوء, هادئ, آرام, آرامش
        शांत, शांति, শান্ত
        רגוע, bình tĩnh, tenang, สงบ
        code: cal, clm""",
    "surprise": """
        surprise, surprised, surprising, surprisingly, astonishment, astonished, pleasant surprise,
        pleasantly surprised, pleasant surprised
        Überraschung, überrascht, erstaunt, Erstaunen
        surpris, étonné, étonnée, étonnement
        sorpresa, sorpreso, sorprendido, sorprendida
        surpresa, surpreso, surpreendido, surpreendida
        verrassing, verrast, verbazing, verbaasd
        zaskoczenie, zaskoczony, zaskoczona, zdziwienie, zdziwiony, překvapení, překvapený
        şaşkınlık, şaşkın, sürpriz, şaşırma, şaşırmış
        удивление, удивлённый, удивленный, удивлённая, удивленная, здивування, подив, изненада
        惊讶, 驚訝, 惊喜, 驚喜, 吃惊, 吃驚, 惊奇
        驚き, 驚いた, おどろき
        놀람, 놀라움, 놀란
        förvåning, förvånad, överraskning, överraskad, overraskelse, overrasket, yllättynyt, yllätys
        έκπληξη, έκπληκτος
        meglepetés, meglepett, surpriză, surprins, iznenađenje, iznenađen, presenečenje
        دهشة, مفاجأة, متفاجئ, تعجب, متعجب, شگفتی
        आश्चर्य, আশ্চর্য, বিস্ময়, বিস্মিত
        הפתעה, מופתע, ngạc nhiên, terkejut, kejutan, ประหลาดใจ
        code: sur, surp, ps""",
    "boredom": """
        boredom, bored, boring
        Langeweile, gelangweilt, langweilig
        ennui, ennuyé, ennuyée
        noia, annoiato, annoiata
        aburrimiento, aburrido, aburrida
        tédio, entediado, entediada
        verveling, verveeld
        nuda, znudzenie, znudzony, znudzona, znuděný
        can sıkıntısı, sıkıntı, sıkılmış, sıkılma
        скука, скучно, скучающий, нудьга
        无聊, 無聊, 厌倦
        退屈
        지루함, 지루한
        uttråkad, leda, kedsomhed, kjedsomhet, tylsyys
        πλήξη, ανία
        unalom, unott, plictiseală, plictisit, dosada, dolgčas
        ملل, کسالت
        ऊब, একঘেয়েমি
        שעמום, buồn chán, bosan, kebosanan, เบื่อ
        code: bor, bore""",
    "contempt": """
        contempt, contemptuous, scorn, scornful, disdain, disdainful
        Verachtung, verächtlich
        mépris, méprisant, méprisante, dédain
        disprezzo, sprezzante
        desprecio, despreciativo, desdén
        desprezo
        minachting, minachtend, verachting
        pogarda, pogardliwy, opovržení
        küçümseme, hor görme, aşağılama
        презрение, презрительный, презирство, зневага, презрителен
        轻蔑, 輕蔑, 蔑视, 鄙视
        軽蔑
        경멸, 경멸감
        förakt, foragt, forakt, halveksunta
        περιφρόνηση
        megvetés, dispreț, prezir, zaničevanje
        ازدراء, احتقار, تحقیر
        तिरस्कार, अवमानना, অবজ্ঞা
        בוז, khinh thường, khinh bỉ, penghinaan, ดูถูก""",
}
"""Emotion → words, separated by commas and lines; ``code:`` begins the abbreviations of corpora."""
