package portal

import (
	"html/template"
	"strings"

	"larstrom/pipeline/gate"
	"larstrom/pipeline/sentence"
)

// detail is what a refusal says beside its word, in the reader's language. The
// words of a refusal that is whole without it are left out where they are in no
// pattern; where they say what is missing they stand in English, marked.
func (w *words) detail(problem, text string) template.HTML {
	for _, sentinel := range []error{gate.ErrInvalid, gate.ErrCorrections, gate.ErrClosed, gate.ErrForbidden, gate.ErrFourEyes, gate.ErrTooLate, gate.ErrJudgeFirst} {
		if _, rest, ok := strings.Cut(text, sentinel.Error()+": "); ok {
			text = rest
			break
		}
	}
	switch text {
	case "until", "version", "numerator", "denominator", "expected", "through":
		return marked(w.t("field."+text), false)
	case "":
		return ""
	}
	if w.books.refusals == nil {
		return marked(text, true)
	}
	said, english := w.books.refusals.In(text, w.lang, w.names)
	if !english {
		said = strings.NewReplacer(rolesIn(w.lang)...).Replace(said)
	}
	if english && problem != "invalid" && w.lang != fallback {
		return ""
	}
	return marked(said, english && w.lang != fallback)
}

// rolesIn are the codes of roles and what they are called, in turn.
func rolesIn(lang string) []string {
	switch lang {
	case "sv":
		return []string{"region_steward", "regionsteward", "national_steward", "nationell steward", "super_user", "superanvändare", "source_operator", "källansvarig",
			"viewer", "läsare", "auditor", "granskare", "administrator", "administratör", "none", "ingen", " or ", " eller "}
	case "nb":
		return []string{"region_steward", "regionsteward", "national_steward", "nasjonal steward", "super_user", "superbruker", "source_operator", "kildeansvarlig",
			"viewer", "leser", "auditor", "revisor", "none", "ingen", " or ", " eller "}
	case "da":
		return []string{"region_steward", "regionssteward", "national_steward", "national steward", "super_user", "superbruger", "source_operator", "kildeansvarlig",
			"viewer", "læser", "auditor", "revisor", "none", "ingen", " or ", " eller "}
	}
	return []string{"region_steward", "region steward", "national_steward", "national steward", "super_user", "super-user", "source_operator", "source operator"}
}

// refusalPatterns are what package gate and the validator say of commands that
// they refuse, as a person meets them in the forms.
func refusalPatterns() []sentence.Pattern {
	return []sentence.Pattern{
		{Kind: "cause", English: "{id} needs a cause: {text}", Sv: "Välj en orsak.", Nb: "Velg en årsak.", Da: "Vælg en årsag."},
		{Kind: "judge.cause", English: "a judgement needs a cause: {text}", Sv: "Välj en orsak.", Nb: "Velg en årsak.", Da: "Vælg en årsag."},
		{Kind: "judge.evidence", English: "a judgement needs evidence: what was looked at, and what it said", Sv: "Skriv underlaget: vad du har tittat på och vad det sade.", Nb: "Skriv grunnlaget: hva du har sett på, og hva det sa.", Da: "Skriv grundlaget: hvad du har set på, og hvad det sagde."},
		{Kind: "note", English: "{id} needs a note", Sv: "Skriv en anteckning.", Nb: "Skriv en merknad.", Da: "Skriv en note."},
		{Kind: "refusal.note", English: "a refusal needs a note that says why", Sv: "Skriv varför du avslår.", Nb: "Skriv hvorfor du avslår.", Da: "Skriv, hvorfor du afslår."},
		{Kind: "correction.evidence", English: "a correction needs evidence: where the right value stands", Sv: "Skriv underlaget: var det rätta värdet står.", Nb: "Skriv grunnlaget: hvor den riktige verdien står.", Da: "Skriv grundlaget: hvor den rigtige værdi står."},
		{Kind: "snooze.day", English: "snooze needs a last day between {date} and {date}", Sv: "Välj en sista dag från {1} till {2}.", Nb: "Velg en siste dag fra {1} til {2}.", Da: "Vælg en sidste dag fra {1} til {2}."},
		{Kind: "last.day", English: "the last day of {id} must lie between {date} and {date}", Sv: "Den sista dagen måste ligga mellan {2} och {3}.", Nb: "Den siste dagen må ligge mellom {2} og {3}.", Da: "Den sidste dag skal ligge mellem {2} og {3}."},
		{Kind: "block", English: "a BLOCK cannot be accepted; ask the source to send again, or have two stewards waive it", Sv: "En BLOCK kan inte godkännas. Be källan skicka igen, eller låt två stewarder släppa fram den.", Nb: "En BLOCK kan ikke godtas. Be kilden sende på nytt, eller la to stewarder slippe den fram.", Da: "En BLOCK kan ikke godkendes. Bed kilden sende igen, eller lad to stewarder slippe den igennem."},
		{Kind: "waive.hold", English: "only a BLOCK is waived; a {id} can be accepted or rejected", Sv: "Bara en BLOCK visas ändå; en {1} kan godkännas eller underkännas.", Nb: "Bare en BLOCK vises likevel; en {1} kan godtas eller avvises.", Da: "Kun en BLOCK vises alligevel; en {1} kan godkendes eller afvises."},
		{Kind: "waive.share", English: "a share above 1 cannot be drawn, so that a waiver would show nothing; correct or reject it", Sv: "En andel över 1 kan inte ritas. Rätta eller underkänn i stället.", Nb: "En andel over 1 kan ikke tegnes. Rett eller avvis i stedet.", Da: "En andel over 1 kan ikke tegnes. Ret eller afvis i stedet."},
		{Kind: "same", English: "the new content of {text} is the delivered one", Sv: "Värdet är det som levererades.", Nb: "Verdien er den som ble levert.", Da: "Værdien er den, der blev leveret."},
		{Kind: "rejected.before", English: "the new content of {text} is one that was rejected before", Sv: "Det värdet har underkänts förut.", Nb: "Den verdien er avvist før.", Da: "Den værdi er afvist før."},
		{Kind: "negative", English: "the new content of {text} has a negative number or no rows", Sv: "Ett antal kan inte vara negativt.", Nb: "Et antall kan ikke være negativt.", Da: "Et antal kan ikke være negativt."},
		{Kind: "absent", English: "{text} was not delivered, and what was not delivered cannot be corrected; ask the source for it", Sv: "Det som inte har levererats kan inte rättas. Fråga källan.", Nb: "Det som ikke er levert, kan ikke rettes. Spør kilden.", Da: "Det, der ikke er leveret, kan ikke rettes. Spørg kilden."},
		{Kind: "above", English: "unit {unit}, period {id}: its numerator is above the denominator that it is part of", Sv: "Täljaren skulle vara större än nämnaren som den är en del av.", Nb: "Telleren ville være større enn nevneren som den er en del av.", Da: "Tælleren ville være større end nævneren, som den er en del af."},
		{Kind: "of.nobody", English: "unit {unit}, period {id}: it has a numerator above 0 of 0", Sv: "Täljaren skulle vara över 0 när nämnaren är 0.", Nb: "Telleren ville være over 0 når nevneren er 0.", Da: "Tælleren ville være over 0, når nævneren er 0."},
		{Kind: "breaks", English: "the new content breaks a rule itself: {text}", Sv: "Det nya värdet bryter självt mot en regel: {1}", Nb: "Den nye verdien bryter selv en regel: {1}", Da: "Den nye værdi bryder selv en regel: {1}"},
		{Kind: "several.cells", English: "no revision is about unit {text}, which flag {id} guards", Sv: "Flaggan gäller flera celler; rätta dem med kommandot larstrom flags decide, en för en.", Nb: "Flagget gjelder flere celler; rett dem med kommandoen larstrom flags decide, én for én.", Da: "Flaget gælder flere celler; ret dem med kommandoen larstrom flags decide, én for én."},
		{Kind: "proposal.ended", English: "the proposal ended on {date}; propose again", Sv: "Förslaget gick ut {1}; föreslå igen.", Nb: "Forslaget gikk ut {1}; foreslå på nytt.", Da: "Forslaget udløb {1}; foreslå igen."},
		{Kind: "proposal.none", English: "flag {id} has no open proposal", Sv: "Det finns inget öppet förslag.", Nb: "Det finnes ikke noe åpent forslag.", Da: "Der er intet åbent forslag."},
		{Kind: "proposal.gone", English: "flag {id} has no open proposal {id}", Sv: "Det förslaget är inte öppet längre.", Nb: "Det forslaget er ikke åpent lenger.", Da: "Det forslag er ikke længere åbent."},
		{Kind: "undo.none", English: "flag {id} has no such decision to take back", Sv: "Det finns inget beslut att ta tillbaka.", Nb: "Det finnes ingen beslutning å ta tilbake.", Da: "Der er ingen beslutning at tage tilbage."},
		{Kind: "undo.others", English: "decision {id} is that of {text}; only they or a steward take it back", Sv: "Beslutet är fattat av {2}; bara de eller en steward tar tillbaka det.", Nb: "Beslutningen er tatt av {2}; bare de eller en steward tar den tilbake.", Da: "Beslutningen er taget af {2}; kun de eller en steward tager den tilbage."},
		{Kind: "undo.late", English: "decision {id} was taken at {date}T{id}; reject or correct instead", Sv: "Beslutet fattades {2}.", Nb: "Beslutningen ble tatt {2}.", Da: "Beslutningen blev taget {2}."},
		{Kind: "needs.role", English: "{id} needs the role {text}, {id} has: {text}", Sv: "Det kräver rollen {2}; du har: {4}.", Nb: "Det krever rollen {2}; du har: {4}.", Da: "Det kræver rollen {2}; du har: {4}."},
		{Kind: "reach", English: "the roles of {id} do not reach unit {text} of registry {text}; ask a steward there", Sv: "Dina roller når inte dit.", Nb: "Rollene dine når ikke dit.", Da: "Dine roller når ikke dertil."},
		{Kind: "administrator", English: "{id} is an administrator, and administrators decide nothing; ask a steward", Sv: "Administratörer beslutar inte om data.", Nb: "Administratorer beslutter ikke om data.", Da: "Administratorer beslutter ikke om data."},
		{Kind: "evidence.none", English: "evidence is a note, or a link with the SHA-256 of what it leads to", Sv: "Skriv en anteckning, eller en länk med dokumentets SHA-256.", Nb: "Skriv en merknad, eller en lenke med dokumentets SHA-256.", Da: "Skriv en note eller et link med dokumentets SHA-256."},
		{Kind: "evidence.hash", English: "a link needs the SHA-256 of what it leads to: 64 hexadecimal digits", Sv: "En länk behöver dokumentets SHA-256: välj dokumentet, så räknas den.", Nb: "En lenke trenger dokumentets SHA-256: velg dokumentet, så regnes den ut.", Da: "Et link skal have dokumentets SHA-256: vælg dokumentet, så beregnes den."},
		{Kind: "evidence.text", English: "the SHA-256 is not that of the text", Sv: "Ett dokument behöver också en länk till var det ligger.", Nb: "Et dokument trenger også en lenke til der det ligger.", Da: "Et dokument skal også have et link til, hvor det ligger."},
		{Kind: "text.long", English: "a text has {n} characters; write at most {n}, and attach a longer document by its link and SHA-256", Sv: "Texten har {1} tecken; skriv högst {2}, och bifoga ett längre dokument med länk och SHA-256.", Nb: "Teksten har {1} tegn; skriv høyst {2}, og legg ved et lengre dokument med lenke og SHA-256.", Da: "Teksten har {1} tegn; skriv højst {2}, og vedlæg et længere dokument med link og SHA-256."},
		{Kind: "text.identity", English: "a text holds what looks like a personal identity number ({text}); say it without, for it is kept for ever", Sv: "Texten innehåller det som liknar ett personnummer ({1}). Skriv utan: det som skrivs sparas för alltid.", Nb: "Teksten inneholder det som ligner et fødselsnummer ({1}). Skriv uten: det som skrives, lagres for alltid.", Da: "Teksten indeholder det, der ligner et personnummer ({1}). Skriv uden: det, der skrives, gemmes for altid."},
		{Kind: "person", English: "the catalog has no person {text}", Sv: "Personen {1} finns inte i katalogen.", Nb: "Personen {1} finnes ikke i katalogen.", Da: "Personen {1} findes ikke i kataloget."},
		{Kind: "assignee", English: "flag {id} cannot be given to {id}: {text}", Sv: "{2} får inte besluta om flaggan.", Nb: "{2} kan ikke beslutte om flagget.", Da: "{2} kan ikke beslutte om flaget."},
		{Kind: "quarter", English: "{id} is not the last day of a quarter", Sv: "Välj den sista dagen i ett kvartal.", Nb: "Velg den siste dagen i et kvartal.", Da: "Vælg den sidste dag i et kvartal."},
		{Kind: "quarter.open", English: "the quarter ends on {date}; affirm it afterwards", Sv: "Kvartalet slutar {1}; bekräfta det därefter.", Nb: "Kvartalet slutter {1}; bekreft det etterpå.", Da: "Kvartalet slutter {1}; bekræft det derefter."},
		{Kind: "undecided", English: "flag {id} about unit {unit} awaits a decision; decide first, then affirm", Sv: "Flaggan {1} om {2} väntar på beslut; besluta först.", Nb: "Flagget {1} om {2} venter på beslutning; beslutt først.", Da: "Flaget {1} om {2} afventer en beslutning; beslut først."},
		{Kind: "closed", English: "flag {id} is {id} ({text})", Sv: "Läs i historiken vad som har hänt.", Nb: "Les i historikken hva som har skjedd.", Da: "Læs i historikken, hvad der er sket."},
	}
}
