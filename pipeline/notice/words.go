package notice

// words are those of one language. Verbs of fmt stand for dates, counts and
// names of checks only.
type words struct {
	digest, immediate, blocked        string
	fresh, reminders, escalated       string
	more, beyond, all, footer         string
	incident, promote, demote         string
	review, answer, confirm           string
	draw, redraw, sign, version       string
	duringDue, halfDue, nowDue, isDue string
}

func (w words) duty(d Duty) string {
	switch d {
	case Answer:
		return w.answer
	case Confirm:
		return w.confirm
	}
	return w.review
}

func (w words) when(s Stage) string {
	switch s {
	case Half:
		return w.halfDue
	case Due:
		return w.nowDue
	case Late:
		return w.isDue
	}
	return w.duringDue
}

func wordsIn(lang string) words {
	switch lang {
	case "sv":
		return words{
			digest: "Lärström: dina ärenden %s", immediate: "Lärström: en publicerad indikator är stoppad",
			blocked: "En kontroll har stoppat nya uppgifter i en indikator som är publicerad.",
			fresh:   "Nya ärenden", reminders: "Påminnelser", escalated: "Försenade ärenden som nu är även dina",
			more: "och %d till", beyond: "Ytterligare ärenden som inte nämns i dag: %d", all: "Alla ärenden:",
			footer:   "Brevet innehåller inga värden; logga in för att se underlaget.",
			incident: "%d flaggor tillsammans", promote: "Kontroll %s version %d: förslag att höja till BLOCK", demote: "Kontroll %s version %d: förslag att sänka allvarlighetsgraden",
			draw: "visas bara för pilotenheter: dra ett stickprov till införandeprotokollet", redraw: "återkallad, visas bara för pilotenheter: dra ett nytt stickprov",
			sign: "stickprovet är draget: pröva fallen mot journalen och skriv under protokollet", version: "version %s",
			review: "bedöm", answer: "svara på granskarens fråga", confirm: "bekräfta eller avslå ett förslag",
			duringDue: "senast %s", halfDue: "halva tiden har gått, senast %s", nowDue: "tiden är ute, skulle vara klart %s", isDue: "försenat, skulle vara klart %s",
		}
	case "nb":
		return words{
			digest: "Lärström: dine saker %s", immediate: "Lärström: en publisert indikator er stoppet",
			blocked: "En kontroll har stoppet nye data i en indikator som er publisert.",
			fresh:   "Nye saker", reminders: "Påminnelser", escalated: "Forsinkede saker som nå også er dine",
			more: "og %d til", beyond: "Flere saker som ikke nevnes i dag: %d", all: "Alle saker:",
			footer:   "Brevet inneholder ingen verdier; logg inn for å se grunnlaget.",
			incident: "%d flagg samlet", promote: "Kontroll %s versjon %d: forslag om å heve til BLOCK", demote: "Kontroll %s versjon %d: forslag om å senke alvorlighetsgraden",
			draw: "vises bare for pilotenheter: trekk et utvalg til innføringsprotokollen", redraw: "tilbakekalt, vises bare for pilotenheter: trekk et nytt utvalg",
			sign: "utvalget er trukket: sjekk tilfellene mot journalen og signer protokollen", version: "versjon %s",
			review: "vurder", answer: "svar på spørsmålet fra den som vurderer", confirm: "bekreft eller avslå et forslag",
			duringDue: "senest %s", halfDue: "halve tiden er gått, senest %s", nowDue: "tiden er ute, skulle vært ferdig %s", isDue: "forsinket, skulle vært ferdig %s",
		}
	case "da":
		return words{
			digest: "Lärström: dine sager %s", immediate: "Lärström: en offentliggjort indikator er stoppet",
			blocked: "En kontrol har stoppet nye data i en indikator, som er offentliggjort.",
			fresh:   "Nye sager", reminders: "Påmindelser", escalated: "Forsinkede sager, som nu også er dine",
			more: "og %d mere", beyond: "Flere sager, som ikke nævnes i dag: %d", all: "Alle sager:",
			footer:   "Brevet indeholder ingen værdier; log ind for at se grundlaget.",
			incident: "%d flag samlet", promote: "Kontrol %s version %d: forslag om at hæve til BLOCK", demote: "Kontrol %s version %d: forslag om at sænke alvorlighedsgraden",
			draw: "vises kun for pilotenheder: træk en stikprøve til indførelsesprotokollen", redraw: "tilbagekaldt, vises kun for pilotenheder: træk en ny stikprøve",
			sign: "stikprøven er trukket: hold tilfældene op mod journalen, og underskriv protokollen", version: "version %s",
			review: "vurdér", answer: "svar på spørgsmålet fra den, der vurderer", confirm: "bekræft eller afvis et forslag",
			duringDue: "senest %s", halfDue: "halvdelen af tiden er gået, senest %s", nowDue: "tiden er udløbet, skulle være færdig %s", isDue: "forsinket, skulle være færdig %s",
		}
	}
	return words{
		digest: "Lärström: your tasks %s", immediate: "Lärström: a published indicator is blocked",
		blocked: "A check has blocked new data of an indicator that is published.",
		fresh:   "New tasks", reminders: "Reminders", escalated: "Late tasks that are now yours as well",
		more: "and %d more", beyond: "Further tasks that are not named today: %d", all: "All tasks:",
		footer:   "This message has no values; log in to see the evidence.",
		incident: "%d flags together", promote: "Check %s version %d: proposal to raise it to BLOCK", demote: "Check %s version %d: proposal to lower its severity",
		draw: "shown to pilot units only: draw a sample for the introduction protocol", redraw: "revoked, shown to pilot units only: draw a new sample",
		sign: "the sample is drawn: check the cases against the record, and sign the protocol", version: "version %s",
		review: "review", answer: "answer the reviewer's question", confirm: "confirm or refuse a proposal",
		duringDue: "by %s", halfDue: "half of the time has passed, by %s", nowDue: "the time is up, was due %s", isDue: "late, was due %s",
	}
}
