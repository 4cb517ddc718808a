package portal

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	"larstrom/pipeline/sentence"
)

// languageCookie keeps the language that a reader has chosen.
const languageCookie = "larstrom-lang"

// languages are those of the panel, in the order in which they are offered.
func languages() []crumb {
	return []crumb{{"sv", "Svenska"}, {"nb", "Norsk bokmål"}, {"da", "Dansk"}, {"en", "English"}}
}

func isLanguage(code string) bool {
	return slices.ContainsFunc(languages(), func(l crumb) bool { return l.Path == code })
}

// fallback is the language of those who ask for none that is spoken.
const fallback = "en"

// speech says the panel's words in one language.
type speech struct {
	Lang  string
	texts map[string]string
}

// S is the text of that key, with what it names.
func (s *speech) S(key string) string { return cmp.Or(s.texts[key], key) }

// languageOf is the language that was asked for: by the address, else by the
// choice before, else by the browser; English where none of them is spoken.
func languageOf(r *http.Request) string {
	lang := r.URL.Query().Get("lang")
	if c, err := r.Cookie(languageCookie); !isLanguage(lang) && err == nil {
		lang = c.Value
	}
	if !isLanguage(lang) {
		lang = cmp.Or(sentence.Accepted(r.Header.Get("Accept-Language")), fallback)
	}
	return lang
}

// speak is the panel in the portal's language.
func (p *Portal) speak() *speech {
	texts, at := map[string]string{}, slices.IndexFunc(languages(), func(l crumb) bool { return l.Path == p.words.lang })
	for key, in := range panelTexts() {
		texts[key] = in[at]
	}
	return &speech{p.words.lang, texts}
}

// tongues are the languages with the addresses that choose them, and the one
// that the page is in.
func (p *Portal) tongues(r *http.Request, refused bool) []tongueLink {
	var out []tongueLink
	for _, l := range languages() {
		q := r.URL.Query()
		q.Set("lang", l.Path)
		path := r.URL.Path
		switch {
		case refused: // the page says nothing of what was asked for
			path, q = "/flags", url.Values{"lang": {l.Path}}
		case r.Method != http.MethodGet:
			// What a form was sent to is no page: its flag is.
			path, q = flagPath(r.PathValue("flag")), url.Values{"lang": {l.Path}}
			if r.PathValue("flag") == "" {
				path = "/flags"
			}
		}
		out = append(out, tongueLink{crumb{(&url.URL{Path: path, RawQuery: q.Encode()}).String(), l.Title}, l.Path, l.Path == p.words.lang})
	}
	return out
}

// tongueLink chooses a language.
type tongueLink struct {
	crumb
	Lang string
	Here bool
}

// tongue keeps the language that an address names.
func tongue(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if lang := r.URL.Query().Get("lang"); isLanguage(lang) {
			setCookie(w, r, languageCookie, lang, 365*24*3600)
		}
		w.Header().Set("Content-Language", languageOf(r))
		w.Header().Add("Vary", "Accept-Language, Cookie")
		next.ServeHTTP(w, r)
	})
}

// panelTexts are the words of the panel in the order of languages.
func panelTexts() map[string][4]string {
	return map[string][4]string{
		"title":                 {"Besluta", "Beslutt", "Beslut", "Decide"},
		"lead":                  {"Skriv ned orsak och underlag först; därefter kan du se vad beslutet ändrar i det som visas.", "Skriv ned årsak og grunnlag først; deretter kan du se hva beslutningen endrer i det som vises.", "Skriv årsag og grundlag ned først; derefter kan du se, hvad beslutningen ændrer i det viste.", "Record cause and evidence first; then you can see what the decision changes in what is shown."},
		"login.lead":            {"För att besluta behövs ditt id och din personliga nyckel, en gång.", "For å beslutte trengs din id og ditt personlige token, én gang.", "For at beslutte kræves dit id og dit personlige token, én gang.", "To decide, give your id and your personal token once."},
		"login.id":              {"Id", "Id", "Id", "Id"},
		"login.token":           {"Personlig nyckel", "Personlig token", "Personligt token", "Personal token"},
		"login.begin":           {"Logga in", "Logg inn", "Log ind", "Log in"},
		"login.end":             {"Logga ut", "Logg ut", "Log ud", "Log out"},
		"as":                    {"Du beslutar som", "Du beslutter som", "Du beslutter som", "You decide as"},
		"judge":                 {"Orsak och underlag", "Årsak og grunnlag", "Årsag og grundlag", "Cause and evidence"},
		"judge.do":              {"Spara bedömningen", "Lagre vurderingen", "Gem vurderingen", "Record the judgement"},
		"judged":                {"Din bedömning är sparad.", "Vurderingen din er lagret.", "Din vurdering er gemt.", "Your judgement is recorded."},
		"answer":                {"Svara", "Svar", "Svar", "Answer"},
		"several.title":         {"Besluta om de markerade", "Beslutt om de merkede", "Beslut om de markerede", "Decide about the marked flags"},
		"several.lead":          {"Spara orsak och underlag för de markerade, se vad besluten ändrar, besluta. Högst 500 på en gång; varje flagga får sitt eget beslut.", "Lagre årsak og grunnlag for de merkede, se hva beslutningene endrer, beslutt. Høyst 500 om gangen; hvert flagg får sin egen beslutning.", "Gem årsag og grundlag for de markerede, se hvad beslutningerne ændrer, beslut. Højst 500 ad gangen; hvert flag får sin egen beslutning.", "Record cause and evidence of the marked flags, see what the decisions change, decide. At most 500 at once; each flag gets a decision of its own."},
		"several.do":            {"Besluta om alla markerade", "Beslutt om alle merkede", "Beslut om alle markerede", "Decide about all that are marked"},
		"several.done":          {"Beslutade:", "Besluttet:", "Besluttet:", "Decided:"},
		"several.taken":         {"beslutad", "besluttet", "besluttet", "decided"},
		"several.proposed":      {"föreslaget; väntar på en andra person", "foreslått; venter på en annen person", "foreslået; venter på en anden person", "proposed; awaits a second person"},
		"several.mark":          {"Markera", "Merk", "Markér", "Mark"},
		"several.cells":         {"Celler som visas annorlunda", "Celler som vises annerledes", "Celler, der vises anderledes", "Cells that show something else"},
		"several.charts":        {"Diagram som ändras", "Diagrammer som endres", "Diagrammer, der ændres", "Charts that change"},
		"several.kept":          {"Dina markeringar och det du skrev står kvar.", "Merkingene dine og det du skrev, står der fortsatt.", "Dine markeringer og det, du skrev, står der stadig.", "Your marks and what you wrote are kept."},
		"p.several":             {"Markera mellan 1 och 500 flaggor och välj ett beslut.", "Merk mellom 1 og 500 flagg og velg en beslutning.", "Markér mellem 1 og 500 flag, og vælg en beslutning.", "Mark between 1 and 500 flags, and choose a decision."},
		"key.filter":            {"Filter", "Filter", "Filter", "Filter"},
		"keys.choose":           {"Välj egna tangenter", "Velg egne taster", "Vælg egne taster", "Choose your own keys"},
		"kept":                  {"Det du skrev står kvar nedan. Ändra det och skicka igen, eller", "Det du skrev, står nedenfor. Endre det og send igjen, eller", "Det, du skrev, står nedenfor. Ret det og send igen, eller", "What you wrote is kept below. Change it and send it again, or"},
		"reread":                {"läs flaggan på nytt", "les flagget på nytt", "læs flaget igen", "read the flag again"},
		"preview":               {"Visa vad det ändrar", "Vis hva det endrer", "Vis hvad det ændrer", "Show what it changes"},
		"accept":                {"Godkänn", "Godta", "Godkend", "Accept"},
		"reject":                {"Underkänn", "Avvis", "Afvis", "Reject"},
		"correct":               {"Rätta", "Rett", "Ret", "Correct"},
		"comment":               {"Kommentera", "Kommenter", "Kommentér", "Comment"},
		"snooze":                {"Skjut upp", "Utsett", "Udsæt", "Snooze"},
		"waive":                 {"Visa ändå", "Vis likevel", "Vis alligevel", "Waive"},
		"attach":                {"Bifoga underlag", "Legg ved grunnlag", "Vedlæg grundlag", "Attach evidence"},
		"assign":                {"Tilldela", "Tildel", "Tildel", "Assign"},
		"to":                    {"Till", "Til", "Til", "To"},
		"nobody":                {"– ingen, åter till alla –", "– ingen, tilbake til alle –", "– ingen, tilbage til alle –", "– nobody, back to all –"},
		"assigned":              {"Flaggan är tilldelad", "Flagget er tildelt", "Flaget er tildelt", "The flag is assigned to"},
		"attached":              {"Bifogat underlag", "Vedlagt grunnlag", "Vedlagt grundlag", "Evidence attached"},
		"link":                  {"Länk till dokumentet", "Lenke til dokumentet", "Link til dokumentet", "Link to the document"},
		"file":                  {"Dokumentet", "Dokumentet", "Dokumentet", "The document"},
		"file.lead":             {"Dokumentet lämnar inte din dator: här räknas bara dess SHA-256, som visar att länken leder till just det.", "Dokumentet forlater ikke maskinen din: her regnes bare dets SHA-256, som viser at lenken leder til nettopp det.", "Dokumentet forlader ikke din computer: her beregnes kun dets SHA-256, som viser, at linket fører til netop det.", "The document does not leave your computer: only its SHA-256 is computed here, which shows that the link leads to that very one."},
		"file.wait":             {"Räknar …", "Regner …", "Beregner …", "Computing …"},
		"file.large":            {"Filen är större än 100 MB. Räkna dess SHA-256 på annat sätt och skriv in den.", "Filen er større enn 100 MB. Regn ut dens SHA-256 på annen måte og skriv den inn.", "Filen er større end 100 MB. Beregn dens SHA-256 på anden måde, og skriv den ind.", "The file is larger than 100 MB. Compute its SHA-256 in another way and type it."},
		"undo":                  {"Ta tillbaka", "Ta tilbake", "Tag tilbage", "Undo"},
		"confirm":               {"Bekräfta", "Bekreft", "Bekræft", "Confirm"},
		"refuse":                {"Avslå", "Avslå", "Afslå", "Refuse"},
		"proposals":             {"Förslag som väntar på en andra person", "Forslag som venter på en annen person", "Forslag, der venter på en anden person", "Proposals that await a second person"},
		"proposed.yours":        {"Ditt förslag väntar på en annan person. Du kan ta tillbaka det.", "Forslaget ditt venter på en annen person. Du kan ta det tilbake.", "Dit forslag venter på en anden person. Du kan tage det tilbage.", "Your proposal awaits another person. You can take it back."},
		"proposed.interest":     {"Godkännandet ändrar den egna enhetens publicerade värde med mer än 5 procentenheter och behöver därför två personer.", "Godkjenningen endrer den egne enhetens publiserte verdi med mer enn 5 prosentpoeng og trenger derfor to personer.", "Godkendelsen ændrer egen enheds offentliggjorte værdi med mere end 5 procentpoint og kræver derfor to personer.", "The acceptance moves the published value of one's own unit by more than 5 percentage points, and so it needs two people."},
		"proposed.others":       {"En steward bekräftar eller avslår det.", "En steward bekrefter eller avslår det.", "En steward bekræfter eller afslår det.", "A steward confirms or refuses it."},
		"proposed.who":          {"Det kan:", "Det kan:", "Det kan:", "These can:"},
		"by":                    {"av", "av", "af", "by"},
		"cause":                 {"Orsak", "Årsak", "Årsag", "Cause"},
		"choose":                {"Välj", "Velg", "Vælg", "Choose"},
		"note":                  {"Anteckning, utan personuppgifter", "Merknad, uten personopplysninger", "Note, uden personoplysninger", "Note, without personal data"},
		"evidence":              {"Underlag, utan personuppgifter", "Grunnlag, uten personopplysninger", "Grundlag, uden personoplysninger", "Evidence, without personal data"},
		"until":                 {"Till och med", "Til og med", "Til og med", "Until"},
		"numerator":             {"Rätt täljare", "Riktig teller", "Rigtig tæller", "The right numerator"},
		"denominator":           {"Rätt nämnare", "Riktig nevner", "Rigtig nævner", "The right denominator"},
		"queue":                 {"Kö", "Kø", "Kø", "Queue"},
		"before":                {"Föregående", "Forrige", "Forrige", "Previous"},
		"after":                 {"Nästa", "Neste", "Næste", "Next"},
		"keys":                  {"Tangenter", "Taster", "Taster", "Keys"},
		"keys.text":             {"j/k nästa och föregående, a godkänn, x underkänn, e rätta, c kommentera, s skjut upp, w visa ändå, f bifoga underlag, p tilldela, u ta tillbaka, Enter öppna, / filter, ? hjälp, g q kö. De gäller inte medan du skriver.", "j/k neste og forrige, a godta, x avvis, e rett, c kommenter, s utsett, w vis likevel, f legg ved grunnlag, p tildel, u ta tilbake, Enter åpne, / filter, ? hjelp, g q kø. De gjelder ikke mens du skriver.", "j/k næste og forrige, a godkend, x afvis, e ret, c kommentér, s udsæt, w vis alligevel, f vedlæg grundlag, p tildel, u tag tilbage, Enter åbn, / filter, ? hjælp, g q kø. De gælder ikke, mens du skriver.", "j/k next and previous, a accept, x reject, e correct, c comment, s snooze, w waive, f attach evidence, p assign, u undo, Enter open, / filter, ? help, g q queue. They are off while you type."},
		"effect":                {"Vad beslutet skulle ändra", "Hva beslutningen ville endre", "Hvad beslutningen ville ændre", "What the decision would change"},
		"effect.none":           {"Inget som visas skulle ändras.", "Ingenting som vises ville endres.", "Intet, der vises, ville ændres.", "Nothing that is shown would change."},
		"effect.also":           {"Diagram, signaler, centrallinjer och trattplatser som ändras:", "Diagrammer, signaler, senterlinjer og traktplasser som endres:", "Diagrammer, signaler, centrallinjer og tragtpladser, der ændres:", "Charts, signals, centre lines and places in funnels that change:"},
		"effect.unit":           {"Enhet", "Enhet", "Enhed", "Unit"},
		"effect.when":           {"Period", "Periode", "Periode", "Period"},
		"effect.now":            {"Nu", "Nå", "Nu", "Now"},
		"effect.then":           {"Efter beslutet", "Etter beslutningen", "Efter beslutningen", "After the decision"},
		"nothing":               {"inget", "ingenting", "intet", "nothing"},
		"language":              {"Språk", "Språk", "Sprog", "Language"},
		"problem":               {"Beslutet togs inte", "Beslutningen ble ikke tatt", "Beslutningen blev ikke taget", "The decision was not taken"},
		"p.login":               {"Id och nyckel hör inte ihop.", "Id og token hører ikke sammen.", "Id og token hører ikke sammen.", "Id and token do not belong together."},
		"p.busy":                {"För många försök; vänta en minut.", "For mange forsøk; vent ett minutt.", "For mange forsøg; vent et minut.", "Too many tries; wait a minute."},
		"p.nobody":              {"Logga in först; sessionen kan ha gått ut.", "Logg inn først; økten kan ha utløpt.", "Log ind først; sessionen kan være udløbet.", "Log in first; the session may have ended."},
		"p.conflict":            {"Flaggan har ändrats sedan du läste den:", "Flagget er endret siden du leste det:", "Flaget er ændret, siden du læste det:", "The flag has changed since you read it:"},
		"p.version":             {"Det framgår inte vilken version av flaggan du har läst.", "Det framgår ikke hvilken versjon av flagget du har lest.", "Det fremgår ikke, hvilken version af flaget du har læst.", "It does not say which version of the flag you have read."},
		"p.four_eyes":           {"Den som föreslår bekräftar inte. Låt en annan steward göra det.", "Den som foreslår, bekrefter ikke. La en annen steward gjøre det.", "Den, der foreslår, bekræfter ikke. Lad en anden steward gøre det.", "Who proposes does not confirm. Let another steward do it."},
		"p.forbidden":           {"Dina roller tillåter det inte. Fråga en steward.", "Rollene dine tillater det ikke. Spør en steward.", "Dine roller tillader det ikke. Spørg en steward.", "Your roles do not allow it. Ask a steward."},
		"p.judge_first":         {"Spara orsak och underlag först.", "Lagre årsak og grunnlag først.", "Gem årsag og grundlag først.", "Record cause and evidence first."},
		"p.closed":              {"Flaggan är inte öppen för det.", "Flagget er ikke åpent for det.", "Flaget er ikke åbent for det.", "The flag is not open for that."},
		"p.too_late":            {"Ett beslut tas tillbaka inom ett dygn. Underkänn eller rätta i stället.", "En beslutning tas tilbake innen et døgn. Avvis eller rett i stedet.", "En beslutning tages tilbage inden for et døgn. Afvis eller ret i stedet.", "A decision is taken back within a day. Reject or correct instead."},
		"p.invalid":             {"Något saknas eller passar inte:", "Noe mangler eller passer ikke:", "Noget mangler eller passer ikke:", "Something is missing or does not fit:"},
		"p.failed":              {"Servern kunde inte. Försök igen: samma beslut två gånger är ett beslut.", "Serveren klarte det ikke. Prøv igjen: samme beslutning to ganger er én beslutning.", "Serveren kunne ikke. Prøv igen: samme beslutning to gange er én beslutning.", "The server could not. Try again: the same decision twice is one decision."},
		"export_error":          {"exporten gick fel", "eksporten gikk galt", "eksporten gik galt", "the export went wrong"},
		"coding_practice":       {"kodning eller dokumentation", "koding eller dokumentasjon", "kodning eller dokumentation", "coding or documentation practice"},
		"true_change":           {"verklig förändring", "reell endring", "reel ændring", "a true change"},
		"organisational_change": {"sammanslagning, delning eller flytt", "sammenslåing, deling eller flytting", "sammenlægning, deling eller flytning", "merger, split or move"},
		"definition_change":     {"kodverk eller definition", "kodeverk eller definisjon", "kodeværk eller definition", "code system or definition"},
		"population_change":     {"andra patienter", "andre pasienter", "andre patienter", "other patients"},
		"duplicate_or_late":     {"dubblett eller sen leverans", "duplikat eller sen levering", "dublet eller sen levering", "duplicate or late delivery"},
		"false_alarm":           {"kontrollen har fel", "kontrollen tar feil", "kontrollen tager fejl", "the check is wrong"},
		"unknown":               {"okänd", "ukjent", "ukendt", "unknown"},
	}
}
