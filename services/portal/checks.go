package portal

import (
	"larstrom/pipeline/quality"
)

// explained are the checks of the catalogue in one language: each with its title
// and the sentence that says what it found and why that matters.
type explained struct{ title, why map[string]string }

func explainedIn(lang string) explained {
	e := explained{map[string]string{}, map[string]string{}}
	for _, c := range quality.Catalogue() {
		e.why[c.ID] = textOf(c.Explain, lang)
	}
	for id, in := range checkTitles() {
		for i, l := range languages() {
			if l.Path == lang {
				e.title[id] = in[i]
			}
		}
	}
	return e
}

// whyOf is what a check's finding means.
func (p *Portal) whyOf(check string) string { return p.words.checks.why[check] }

// checkTitles name every check of the catalogue in a few words, in the order of
// languages: Swedish, Norwegian, Danish, English.
func checkTitles() map[string][4]string {
	return map[string][4]string{
		"C01": {"Fel teckenkodning", "Feil tegnkoding", "Forkert tegnkodning", "Wrong encoding"},
		"C02": {"Trasiga rader", "Ødelagte rader", "Ødelagte rækker", "Broken rows"},
		"C03": {"Fel kolumner", "Feil kolonner", "Forkerte kolonner", "Wrong columns"},
		"C04": {"Filen är inte hel", "Filen er ikke hel", "Filen er ikke hel", "The file is not whole"},
		"C05": {"Samma innehåll igen", "Samme innhold igjen", "Samme indhold igen", "The same content again"},
		"C06": {"Fel form på värden", "Feil form på verdier", "Forkert form på værdier", "Values of the wrong form"},
		"C07": {"Okänd enhet", "Ukjent enhet", "Ukendt enhed", "Unknown unit"},
		"C08": {"Okänd indikator", "Ukjent indikator", "Ukendt indikator", "Unknown indicator"},
		"C09": {"Okända koder", "Ukjente koder", "Ukendte koder", "Unknown codes"},
		"C10": {"Dubbletter", "Duplikater", "Dubletter", "Duplicates"},
		"C11": {"Täljaren större än nämnaren", "Telleren større enn nevneren", "Tælleren større end nævneren", "Numerator above denominator"},
		"C12": {"Omöjliga antal", "Umulige antall", "Umulige antal", "Impossible counts"},
		"C13": {"Summan stämmer inte", "Summen stemmer ikke", "Summen stemmer ikke", "The sum does not agree"},
		"C14": {"Utan avtal om deltagande", "Uten avtale om deltakelse", "Uden aftale om deltagelse", "Without an agreement to take part"},
		"C15": {"Personnummer där inga ska finnas", "Fødselsnumre der ingen skal finnes", "Personnumre, hvor ingen skal findes", "Identity numbers where none belong"},
		"C16": {"Enhet med flera koder", "Enhet med flere koder", "Enhed med flere koder", "Unit with several codes"},
		"C17": {"Fel orsakskod för saknat värde", "Feil årsakskode for manglende verdi", "Forkert årsagskode for manglende værdi", "Wrong reason for a missing value"},
		"C18": {"Felaktigt konfidensintervall", "Feil konfidensintervall", "Forkert konfidensinterval", "Wrong confidence interval"},
		"K01": {"Väntad enhet är tyst", "Ventet enhet er taus", "Ventet enhed er tavs", "Expected unit is silent"},
		"K02": {"Väntad leverans saknas", "Ventet leveranse mangler", "Ventet leverance mangler", "Expected export has not come"},
		"K03": {"Uppgifter saknas", "Opplysninger mangler", "Oplysninger mangler", "Values are missing"},
		"K04": {"Fler uppgifter saknas än förut", "Flere opplysninger mangler enn før", "Flere oplysninger mangler end før", "More is missing than before"},
		"K05": {"Många standardvärden", "Mange standardverdier", "Mange standardværdier", "Many default values"},
		"K06": {"Låg täckningsgrad", "Lav dekningsgrad", "Lav dækningsgrad", "Low coverage"},
		"K07": {"Nämnaren stämmer inte med listan", "Nevneren stemmer ikke med listen", "Nævneren stemmer ikke med listen", "Denominator and list disagree"},
		"K08": {"Månaden är inte full ännu", "Måneden er ikke full ennå", "Måneden er ikke fuld endnu", "The month is not full yet"},
		"K09": {"Färre poster än förut", "Færre poster enn før", "Færre poster end før", "Fewer records than before"},
		"K10": {"Färre olika koder än förut", "Færre ulike koder enn før", "Færre forskellige koder end før", "Fewer distinct codes than before"},
		"K11": {"Stängd period har ändrats", "Lukket periode er endret", "Lukket periode er ændret", "A closed period was restated"},
		"K12": {"Mycket är dolt", "Mye er skjult", "Meget er skjult", "Much is suppressed"},
		"K13": {"Rader utan känd tillhörighet", "Rader uten kjent tilhørighet", "Rækker uden kendt tilhørsforhold", "Rows that belong nowhere"},
		"P01": {"Omöjligt värde", "Umulig verdi", "Umulig værdi", "Impossible value"},
		"P02": {"Många extrema värden", "Mange ekstreme verdier", "Mange ekstreme værdier", "Many extreme values"},
		"P03": {"Blandade måttenheter", "Blandede måleenheter", "Blandede måleenheder", "Mixed units of measure"},
		"P04": {"Två indikatorer motsäger varandra", "To indikatorer motsier hverandre", "To indikatorer modsiger hinanden", "Two indicators contradict each other"},
		"P05": {"Liten nämnare", "Liten nevner", "Lille nævner", "Small denominator"},
		"P06": {"Utanför trattens gränser", "Utenfor traktens grenser", "Uden for tragtens grænser", "Outside the funnel"},
		"P07": {"Omöjligt kön eller omöjlig ålder", "Umulig kjønn eller alder", "Umuligt køn eller umulig alder", "Impossible sex or age"},
		"T01": {"Omöjliga datum", "Umulige datoer", "Umulige datoer", "Impossible dates"},
		"T02": {"Ovanligt antal den dagen", "Uvanlig antall den dagen", "Usædvanligt antal den dag", "Unusual number on the day"},
		"T03": {"Ovanligt antal under en tid", "Uvanlig antall over en tid", "Usædvanligt antal over en tid", "Unusual number over a while"},
		"T04": {"Noll där många väntades", "Null der mange var ventet", "Nul, hvor mange var ventet", "Nought where many were expected"},
		"T05": {"Nivån har flyttat sig", "Nivået har flyttet seg", "Niveauet har flyttet sig", "The level has shifted"},
		"T06": {"Många enheter ändrades samtidigt", "Mange enheter endret seg samtidig", "Mange enheder ændrede sig samtidig", "Many units moved together"},
		"T07": {"Samma tal period efter period", "Samme tall periode etter periode", "Samme tal periode efter periode", "The same number again and again"},
		"T08": {"Kopia av en tidigare period", "Kopi av en tidligere periode", "Kopi af en tidligere periode", "Copy of an earlier period"},
		"T09": {"Annan fördelning över dagarna", "Annen fordeling over dagene", "Anden fordeling over dagene", "Another pattern over the days"},
		"T10": {"Kodverk eller definition har bytts", "Kodeverk eller definisjon er skiftet", "Kodeværk eller definition er skiftet", "Code system or definition changed"},
		"D01": {"Många värden slutar på noll", "Mange verdier slutter på null", "Mange værdier slutter på nul", "Many values end in nought"},
		"D02": {"Anhopning strax vid målet", "Opphopning like ved målet", "Ophobning lige ved målet", "Heaping just at the target"},
		"D03": {"Ovanliga första siffror", "Uvanlige første sifre", "Usædvanlige første cifre", "Unusual first digits"},
		"D04": {"Fler nollor än väntat", "Flere nuller enn ventet", "Flere nuller end ventet", "More noughts than expected"},
		"D05": {"Fördelningen har ändrats", "Fordelingen har endret seg", "Fordelingen har ændret sig", "The distribution has drifted"},
		"D06": {"En kategori kom till eller försvann", "En kategori kom til eller forsvant", "En kategori kom til eller forsvandt", "A category came or went"},
		"D07": {"Annan noggrannhet i talen", "Annen nøyaktighet i tallene", "Anden nøjagtighed i tallene", "Another precision of numbers"},
		"L01": {"Sen leverans", "Sen leveranse", "Sen leverance", "Late export"},
		"L02": {"Registreras senare än förut", "Registreres senere enn før", "Registreres senere end før", "Registered later than before"},
		"L03": {"Lucka i nummerföljden", "Hull i nummerrekken", "Hul i nummerrækken", "Gap in the sequence"},
		"L04": {"Daterad i framtiden", "Datert i framtiden", "Dateret i fremtiden", "Dated in the future"},
		"L05": {"En fråga har väntat för länge", "Et spørsmål har ventet for lenge", "Et spørgsmål har ventet for længe", "A question has waited too long"},
		"X01": {"Två källor säger olika", "To kilder sier ulikt", "To kilder siger forskelligt", "Two sources disagree"},
		"X02": {"Olika uppgift om samma patienter", "Ulik opplysning om samme pasienter", "Forskellig oplysning om samme patienter", "Discordant about the same patients"},
		"X03": {"Få poster går att länka", "Få poster kan lenkes", "Få poster kan kobles", "Few records can be linked"},
		"X04": {"Avviker från publicerat rikstal", "Avviker fra publisert landstall", "Afviger fra offentliggjort landstal", "Differs from the published national number"},
		"X05": {"Källor motsäger varandra om en uppgift", "Kilder motsier hverandre om en opplysning", "Kilder modsiger hinanden om en oplysning", "Sources contradict each other"},
		"X06": {"Sammanslagning eller delning av enheter", "Sammenslåing eller deling av enheter", "Sammenlægning eller deling af enheder", "Merger or split of units"},
		"X07": {"Stickprov mot journalen saknas", "Utvalg mot journalen mangler", "Stikprøve mod journalen mangler", "No sample checked against the record"},
	}
}
