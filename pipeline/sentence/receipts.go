package sentence

// Receipts is the book of what intake says of files and rows: the texts and hints
// of the faults that delimited exports have. What is about the inside of other
// formats stays as it is written.
func Receipts() (*Book, error) {
	return NewBook(append(append(faultsOfValues(), faultsOfPlaces()...), faultsOfFiles()...))
}

func faultsOfValues() []Pattern {
	return []Pattern{
		{"number", "not a number in the declared form", "inget tal i den form som flödet anger", "ikke et tall på den formen som datastrømmen angir", "ikke et tal i den form, som datastrømmen angiver"},
		{"number.form", "digits with the decimal sign {id} and {text}; no unit; a text that means \"no value\" belongs under dialect.missing of the feed", "siffror med decimaltecknet {1}, utan enhet; en text som betyder ”inget värde” skrivs under dialect.missing i flödet", "sifre med desimaltegnet {1}, uten enhet; en tekst som betyr «ingen verdi», skrives under dialect.missing i datastrømmen", "cifre med decimaltegnet {1}, uden enhed; en tekst, der betyder »ingen værdi«, skrives under dialect.missing i datastrømmen"},
		{"number.large", "the number is beyond what is counted here", "talet är större än vad som kan räknas här", "tallet er større enn det som kan telles her", "tallet er større, end hvad der kan tælles her"},
		{"number.rounded", "a number with an exponent that may have been rounded", "ett tal med exponent, som kan vara avrundat", "et tall med eksponent, som kan være avrundet", "et tal med eksponent, som kan være afrundet"},
		{"number.cell", "a spreadsheet writes what its cell shows, as 1,23E+05 for 123456: give the column a format that shows all digits", "ett kalkylblad skriver det som cellen visar, som 1,23E+05 för 123456: ge kolumnen ett format som visar alla siffror", "et regneark skriver det cellen viser, som 1,23E+05 for 123456: gi kolonnen et format som viser alle sifre", "et regneark skriver det, cellen viser, som 1,23E+05 for 123456: giv kolonnen et format, der viser alle cifre"},
		{"date", "not a date in the declared form, or not in the calendar", "inget datum i den form som flödet anger, eller inte i kalendern", "ikke en dato på den formen som datastrømmen angir, eller ikke i kalenderen", "ikke en dato i den form, som datastrømmen angiver, eller ikke i kalenderen"},
		{"date.form", "a {date/month/year} is written {text}", "{1:ett datum/en månad/ett år} skrivs som {2}", "{1:en dato/en måned/et år} skrives som {2}", "{1:en dato/en måned/et år} skrives som {2}"},
		{"date.none", "no {event/registration} date", "{1:händelsedatum/registreringsdatum} saknas", "{1:hendelsesdato/registreringsdato} mangler", "{1:hændelsesdato/registreringsdato} mangler"},
		{"date.after", "the {id} date lies after {date}, the date of the export", "datumet ligger efter {2}, exportens datum", "datoen ligger etter {2}, datoen for eksporten", "datoen ligger efter {2}, eksportens dato"},
		{"date.correct", "correct the date, or the feed's as_of", "rätta datumet, eller as_of i flödet", "rett datoen, eller as_of i datastrømmen", "ret datoen, eller as_of i datastrømmen"},
		{"unit.none", "no unit code", "enhetskod saknas", "enhetskode mangler", "enhedskode mangler"},
		{"unit.none.hint", "every row names its unit by its {id} code", "varje rad anger sin enhet med {1}-koden", "hver rad angir enheten sin med {1}-koden", "hver række angiver sin enhed med {1}-koden"},
		{"unit.unknown", "no unit of the catalog has this {id} code on the row's date", "ingen enhet i katalogen har den här {1}-koden på radens datum", "ingen enhet i katalogen har denne {1}-koden på radens dato", "ingen enhed i kataloget har denne {1}-kode på rækkens dato"},
		{"unit.add", "add the code, or its dates, to a unit of the catalog; the row waits until then", "lägg till koden, eller dess datum, för en enhet i katalogen; raden väntar på det", "legg til koden, eller datoene for den, for en enhet i katalogen; raden venter til da", "tilføj koden, eller dens datoer, til en enhed i kataloget; rækken venter indtil da"},
		{"unit.hidden", "its value is not shown, as it may identify a person: look at the line in the file; if it is a unit's code, add it, or its dates, to that unit of the catalog, and the row waits until then; if not, correct the row, or columns.unit of the feed",
			"värdet visas inte, eftersom det kan peka ut en person: se raden i filen; är det en enhets kod, lägg till den i katalogen, och raden väntar på det; annars rätta raden, eller columns.unit i flödet",
			"verdien vises ikke, fordi den kan identifisere en person: se raden i filen; er det koden til en enhet, legg den til i katalogen, og raden venter til da; ellers rett raden, eller columns.unit i datastrømmen",
			"værdien vises ikke, fordi den kan identificere en person: se rækken i filen; er det en enheds kode, så tilføj den i kataloget, og rækken venter indtil da; ellers ret rækken, eller columns.unit i datastrømmen"},
		{"indicator.unknown", "the catalog has no such indicator of registry {id}", "katalogen har ingen sådan indikator i registret {1}", "katalogen har ingen slik indikator i registeret {1}", "kataloget har ingen sådan indikator i registret {1}"},
		{"indicator.add", "add the indicator to the catalog; the row waits until then", "lägg till indikatorn i katalogen; raden väntar på det", "legg til indikatoren i katalogen; raden venter til da", "tilføj indikatoren i kataloget; rækken venter indtil da"},
		{"indicator.none", "no indicator", "indikator saknas", "indikator mangler", "indikator mangler"},
		{"indicator.none.hint", "every row names its indicator", "varje rad anger sin indikator", "hver rad angir indikatoren sin", "hver række angiver sin indikator"},
		{"version.none", "indicator {indicator} has no version that holds on the row's date", "indikatorn {1} har ingen version som gäller på radens datum", "indikatoren {1} har ingen versjon som gjelder på radens dato", "indikatoren {1} har ingen version, der gælder på rækkens dato"},
		{"version.widen", "widen the dates of a version of the indicator; the row waits until then", "vidga datumen för en version av indikatorn; raden väntar på det", "utvid datoene for en versjon av indikatoren; raden venter til da", "udvid datoerne for en version af indikatoren; rækken venter indtil da"},
		{"reason.both", "a number, in a row that says why it has none", "ett tal, i en rad som säger varför det saknas", "et tall, i en rad som sier hvorfor det mangler", "et tal, i en række, der siger, hvorfor det mangler"},
		{"reason.one", "leave the number out, or the reason", "utelämna talet, eller orsaken", "utelat tallet, eller årsaken", "udelad tallet eller årsagen"},
		{"text.untranslated", "a text that the feed does not translate", "en text som flödet inte översätter", "en tekst som datastrømmen ikke oversetter", "en tekst, som datastrømmen ikke oversætter"},
		{"text.translate", "add it under translate of the feed", "lägg till den under translate i flödet", "legg den til under translate i datastrømmen", "tilføj den under translate i datastrømmen"},
		{"cell.error", "the cell holds an error, not a value", "cellen har ett fel och inget värde", "cellen har en feil og ingen verdi", "cellen har en fejl og ingen værdi"},
		{"cell.formula", "correct the formula; or, if the error stands for no value, list it under dialect.missing of the feed", "rätta formeln; eller, om felet betyder att värdet saknas, skriv det under dialect.missing i flödet", "rett formelen; eller, hvis feilen betyr at verdien mangler, skriv den under dialect.missing i datastrømmen", "ret formlen; eller, hvis fejlen betyder, at værdien mangler, skriv den under dialect.missing i datastrømmen"},
		{"key.none", "no key", "nyckel saknas", "nøkkel mangler", "nøgle mangler"},
	}
}

func faultsOfPlaces() []Pattern {
	return []Pattern{
		{"identity.here", "what looks like a {text} stands here", "här står det som liknar ett {1}", "her står det som ligner et {1}", "her står det, der ligner et {1}"},
		{"identity.ignored", "what looks like a {text} stands in a value that the feed ignores", "det som liknar ett {1} står i ett värde som flödet bortser från", "det som ligner et {1}, står i en verdi som datastrømmen ser bort fra", "det, der ligner et {1}, står i en værdi, som datastrømmen ser bort fra"},
		{"identity.column", "the column holds personal identity numbers ({text}): {n} of {n} fields look like one", "kolumnen innehåller personnummer ({1}): {2} av {3} fält liknar ett", "kolonnen inneholder fødselsnumre ({1}): {2} av {3} felter ligner ett", "kolonnen indeholder personnumre ({1}): {2} af {3} felter ligner et"},
		{"identity.leave", "leave it out of the export", "ta bort det ur exporten", "ta det ut av eksporten", "tag det ud af eksporten"},
		{"identity.declare", "leave it out of the export, or declare what the column holds: its identifiers under identifiers, or the forms of others under opaque of the feed", "ta bort det ur exporten, eller ange vad kolumnen innehåller: dess identiteter under identifiers, eller formen på andra under opaque i flödet", "ta det ut av eksporten, eller angi hva kolonnen inneholder: identitetene under identifiers, eller formen på andre under opaque i datastrømmen", "tag det ud af eksporten, eller angiv, hvad kolonnen indeholder: identiteterne under identifiers, eller formen på andre under opaque i datastrømmen"},
		{"identity.declare.column", "leave them out of the export; or, if they are to come, declare the column under columns.subject or identifiers of the feed; identifiers that are no person's are declared under opaque", "ta bort dem ur exporten; eller, om de ska komma, ange kolumnen under columns.subject eller identifiers i flödet; koder som inte är personers anges under opaque", "ta dem ut av eksporten; eller, hvis de skal komme, angi kolonnen under columns.subject eller identifiers i datastrømmen; koder som ikke er personers, angis under opaque", "tag dem ud af eksporten; eller, hvis de skal komme, angiv kolonnen under columns.subject eller identifiers i datastrømmen; koder, der ikke er personers, angives under opaque"},
		{"quote.open", "a quote that opens in this record is still open at the end of the file", "ett citattecken som öppnas i den här posten är fortfarande öppet i slutet av filen", "et anførselstegn som åpnes i denne posten, er fortsatt åpent på slutten av filen", "et anførselstegn, der åbnes i denne post, er stadig åbent i slutningen af filen"},
		{"quote.close", "close it, or double the quotes inside the field; if quotes mean nothing in this file, declare quote: \"\" in the feed", "stäng det, eller dubbla citattecknen inne i fältet; om citattecken inte betyder något i filen, ange quote: \"\" i flödet", "lukk det, eller doble anførselstegnene inne i feltet; hvis anførselstegn ikke betyr noe i filen, angi quote: \"\" i datastrømmen", "luk det, eller fordobl anførselstegnene inde i feltet; hvis anførselstegn ikke betyder noget i filen, angiv quote: \"\" i datastrømmen"},
		{"quote.inside", "a quote inside a field that is not quoted", "ett citattecken inne i ett fält utan citattecken", "et anførselstegn inne i et felt uten anførselstegn", "et anførselstegn inde i et felt uden anførselstegn"},
		{"quote.after", "text after a closing quote", "text efter ett avslutande citattecken", "tekst etter et avsluttende anførselstegn", "tekst efter et afsluttende anførselstegn"},
		{"quote.double", "double the quotes inside a quoted field", "dubbla citattecknen inne i fältet", "doble anførselstegnene inne i feltet", "fordobl anførselstegnene inde i feltet"},
		{"column.missing", "the column is missing", "kolumnen saknas", "kolonnen mangler", "kolonnen mangler"},
		{"column.unknown", "the feed does not know the column", "flödet känner inte till kolumnen", "datastrømmen kjenner ikke kolonnen", "datastrømmen kender ikke kolonnen"},
		{"column.twice", "the column stands twice in the header", "kolumnen står två gånger i rubrikraden", "kolonnen står to ganger i overskriften", "kolonnen står to gange i overskriften"},
	}
}

func faultsOfFiles() []Pattern {
	return []Pattern{
		{"encoding", "the feed declares {id}, the file has {text}", "flödet anger {1}, filen har {2}", "datastrømmen angir {1}, filen har {2}", "datastrømmen angiver {1}, filen har {2}"},
		{"encoding.none", "if the sender no longer writes one, declare the encoding that the file has", "om avsändaren inte längre skriver något märke i början, ange filens teckenkodning", "hvis avsenderen ikke lenger skriver noe merke i begynnelsen, angi tegnkodingen som filen har", "hvis afsenderen ikke længere skriver et mærke i begyndelsen, angiv den tegnkodning, filen har"},
		{"encoding.declare", "if that is what the sender means, declare encoding: {id} in the feed", "om det är vad avsändaren menar, ange encoding: {1} i flödet", "hvis det er det avsenderen mener, angi encoding: {1} i datastrømmen", "hvis det er, hvad afsenderen mener, angiv encoding: {1} i datastrømmen"},
		{"end.open", "the last line does not end", "den sista raden är inte avslutad", "den siste linjen er ikke avsluttet", "den sidste linje er ikke afsluttet"},
		{"end.cut", "the file was cut short on its way, or is still being written; if the sender never ends the last line, declare complete: none in the feed", "filen har kapats på vägen, eller skrivs fortfarande; om avsändaren aldrig avslutar sista raden, ange complete: none i flödet", "filen er kuttet på veien, eller skrives fortsatt; hvis avsenderen aldri avslutter siste linje, angi complete: none i datastrømmen", "filen er afkortet på vejen, eller skrives stadig; hvis afsenderen aldrig afslutter sidste linje, angiv complete: none i datastrømmen"},
		{"end.trailer", "the last line is not the trailer", "den sista raden är inte slutraden", "den siste linjen er ikke sluttlinjen", "den sidste linje er ikke slutlinjen"},
		{"end.again", "the file was cut short on its way, or is still being written; send it again", "filen har kapats på vägen, eller skrivs fortfarande; skicka den igen", "filen er kuttet på veien, eller skrives fortsatt; send den på nytt", "filen er afkortet på vejen, eller skrives stadig; send den igen"},
		{"rows.none", "the file has no data rows", "filen har inga datarader", "filen har ingen datarader", "filen har ingen datarækker"},
		{"empty", "the file is empty", "filen är tom", "filen er tom", "filen er tom"},
		{"empty.again", "send it again; an empty delivery still has its header", "skicka den igen; även en tom leverans har sin rubrikrad", "send den på nytt; også en tom leveranse har overskriften sin", "send den igen; også en tom leverance har sin overskrift"},
		{"manifest.none", "the manifest is missing", "följesedeln saknas", "følgeseddelen mangler", "følgesedlen mangler"},
		{"manifest.rows", "the file has {n} data rows, the manifest says {n}", "filen har {1} datarader, följesedeln säger {2}", "filen har {1} datarader, følgeseddelen sier {2}", "filen har {1} datarækker, følgesedlen siger {2}"},
		{"manifest.hash", "the file's SHA-256 begins with {id}, the manifest's with {id}", "filens SHA-256 börjar med {1}, följesedelns med {2}", "filens SHA-256 begynner med {1}, følgeseddelens med {2}", "filens SHA-256 begynder med {1}, følgesedlens med {2}"},
		{"manifest.again", "send the file again with the manifest that was written for it", "skicka filen igen med den följesedel som skrevs för den", "send filen på nytt med følgeseddelen som ble skrevet for den", "send filen igen med den følgeseddel, der blev skrevet til den"},
		{"manifest.cut", "the file was cut short or altered on its way, or the manifest is another file's; send both again", "filen har kapats eller ändrats på vägen, eller följesedeln hör till en annan fil; skicka båda igen", "filen er kuttet eller endret på veien, eller følgeseddelen hører til en annen fil; send begge på nytt", "filen er afkortet eller ændret på vejen, eller følgesedlen hører til en anden fil; send begge igen"},
		{"form.wrong", "{n} of {n} lines read so far cannot be split into the {n} columns of the header", "{1} av {2} rader som lästs hittills kan inte delas i rubrikens {3} kolumner", "{1} av {2} linjer som er lest så langt, kan ikke deles i overskriftens {3} kolonner", "{1} af {2} linjer, der er læst indtil nu, kan ikke deles i overskriftens {3} kolonner"},
		{"header.wrong", "the first line does not look like the header of this feed: {n} of its {n} fields name a column of it", "den första raden liknar inte flödets rubrikrad: {1} av {2} fält är namn på dess kolumner", "den første linjen ligner ikke datastrømmens overskrift: {1} av {2} felter er navn på kolonner i den", "den første linje ligner ikke datastrømmens overskrift: {1} af {2} felter er navne på dens kolonner"},
	}
}
