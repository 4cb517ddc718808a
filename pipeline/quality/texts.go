package quality

import "larstrom/pipeline/catalog"

// explain is what a reviewer reads beside a finding of the check: what is odd,
// and why it matters.
func explain(id string) catalog.Text {
	switch id {
	case "C05":
		return catalog.Text{
			"sv": "Filen har samma innehåll som en tidigare leverans. Den räknas inte igen.",
			"nb": "Filen har samme innhold som en tidligere leveranse. Den telles ikke på nytt.",
			"da": "Filen har samme indhold som en tidligere leverance. Den tælles ikke igen.",
			"en": "The file has the content of an earlier delivery. It is not counted again.",
		}
	case "C06":
		return catalog.Text{
			"sv": "Rader som kan höra hit kunde inte läsas. Värdet vilar på resten och kan därför vara skevt.",
			"nb": "Rader som kan høre til her, kunne ikke leses. Verdien bygger på resten og kan derfor være skjev.",
			"da": "Rækker, der kan høre til her, kunne ikke læses. Værdien bygger på resten og kan derfor være skæv.",
			"en": "Rows that may belong here could not be read. The value rests on the others and may be biased.",
		}
	case "C07":
		return catalog.Text{
			"sv": "Raderna har en enhetskod som katalogen inte känner vid det datumet. De prövas igen när katalogen ändras.",
			"nb": "Radene har en enhetskode som katalogen ikke kjenner på den datoen. De prøves igjen når katalogen endres.",
			"da": "Rækkerne har en enhedskode, som kataloget ikke kender på den dato. De prøves igen, når kataloget ændres.",
			"en": "The rows have a unit code that the catalog does not know at that date. They are tried again when it changes.",
		}
	case "C08":
		return catalog.Text{
			"sv": "Raderna har en indikator eller indikatorversion som katalogen inte känner. De prövas igen när katalogen ändras.",
			"nb": "Radene har en indikator eller indikatorversjon som katalogen ikke kjenner. De prøves igjen når katalogen endres.",
			"da": "Rækkerne har en indikator eller indikatorversion, som kataloget ikke kender. De prøves igen, når kataloget ændres.",
			"en": "The rows have an indicator or indicator version that the catalog does not know. They are tried again when it changes.",
		}
	case "C09":
		return catalog.Text{
			"sv": "Många koder finns inte i sitt kodverk vid datumet. Kodverket eller exporten kan ha ändrats, och då räknas fel patienter.",
			"nb": "Mange koder finnes ikke i kodeverket på datoen. Kodeverket eller eksporten kan være endret, og da telles feil pasienter.",
			"da": "Mange koder findes ikke i kodesystemet på datoen. Kodesystemet eller eksporten kan være ændret, og så tælles de forkerte patienter.",
			"en": "Many codes are not in their code system at that date. The system or the export may have changed, and then the wrong patients are counted.",
		}
	case "C10":
		return catalog.Text{
			"sv": "Samma händelse finns flera gånger i leveransen. Den första räknas; källan måste avgöra vilken som är rätt och skicka igen.",
			"nb": "Samme hendelse finnes flere ganger i leveransen. Den første telles; kilden må avgjøre hvilken som er riktig, og sende på nytt.",
			"da": "Samme hændelse findes flere gange i leverancen. Den første tælles; kilden må afgøre, hvilken der er rigtig, og sende igen.",
			"en": "The same event is in the delivery more than once. The first is counted; the source must say which is right and send again.",
		}
	case "C11":
		return catalog.Text{
			"sv": "Täljaren är större än nämnaren. För en andel är det omöjligt; för andra mått kan det vara riktigt.",
			"nb": "Telleren er større enn nevneren. For en andel er det umulig; for andre mål kan det være riktig.",
			"da": "Tælleren er større end nævneren. For en andel er det umuligt; for andre mål kan det være rigtigt.",
			"en": "The numerator is above the denominator. For a proportion that is impossible; for other measures it may be right.",
		}
	case "C12":
		return catalog.Text{
			"sv": "Ett antal är negativt, något räknas av ingen, eller andelen stämmer inte med täljare och nämnare. Källan måste rätta.",
			"nb": "Et antall er negativt, noe telles av ingen, eller andelen stemmer ikke med teller og nevner. Kilden må rette.",
			"da": "Et antal er negativt, noget tælles af ingen, eller andelen passer ikke med tæller og nævner. Kilden må rette.",
			"en": "A count is negative, something is counted of nobody, or the rate is not what numerator and denominator say. The source must correct it.",
		}
	case "K01":
		return catalog.Text{
			"sv": "En enhet som väntas ha levererat har inte skickat något alls. Oftast är det exporten, inte vården. Det som visades förut står kvar, markerat.",
			"nb": "En enhet som ventes å ha levert, har ikke sendt noe. Oftest er det eksporten, ikke behandlingen. Det som ble vist før, står igjen, markert.",
			"da": "En enhed, der ventes at have leveret, har ikke sendt noget. Oftest er det eksporten, ikke behandlingen. Det, der blev vist før, står fortsat, markeret.",
			"en": "A unit that was expected to deliver has sent nothing at all. Mostly that is the export, not the care. What was shown before stays, marked.",
		}
	case "K09":
		return catalog.Text{
			"sv": "Det finns färre poster än förut för samma period. Poster som försvinner är oftare en exportändring än en rättelse.",
			"nb": "Det er færre poster enn før for samme periode. Poster som forsvinner, er oftere en eksportendring enn en rettelse.",
			"da": "Der er færre poster end før for samme periode. Poster, der forsvinder, er oftere en ændret eksport end en rettelse.",
			"en": "There are fewer records than before for the same period. Records that disappear are more often a changed export than a correction.",
		}
	case "T04":
		return catalog.Text{
			"sv": "Inga poster alls där enheten brukar ha många. En nolla ritas som ett resultat, så den måste vara sann; en period som saknas är ingen nolla.",
			"nb": "Ingen poster der enheten pleier å ha mange. En null tegnes som et resultat, så den må være sann; en periode som mangler, er ingen null.",
			"da": "Ingen poster, hvor enheden plejer at have mange. Et nul tegnes som et resultat, så det skal være sandt; en periode, der mangler, er intet nul.",
			"en": "No records at all where the unit usually has many. A zero is drawn as a result, so it has to be true; a period that is missing is no zero.",
		}
	}
	if t := explainFile(id); t != nil {
		return t
	}
	return explainNumbers(id)
}
