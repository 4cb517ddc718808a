package quality

import "larstrom/pipeline/catalog"

// four is a text in the four languages.
func four(sv, nb, da, en string) catalog.Text {
	return catalog.Text{"sv": sv, "nb": nb, "da": da, "en": en}
}

// explainFile explains checks of files and rows.
func explainFile(id string) catalog.Text {
	switch id {
	case "C01":
		return four("Filen har en annan teckenkodning än avtalat, eller tecken som inte kan finnas i den. Namn och koder skulle förvanskas.",
			"Filen har en annen tegnkoding enn avtalt, eller tegn som ikke kan finnes i den. Navn og koder ville bli ødelagt.",
			"Filen har en anden tegnkodning end aftalt, eller tegn, der ikke kan findes i den. Navne og koder ville blive ødelagt.",
			"The file has another encoding than agreed, or bytes that cannot be in it. Names and codes would be garbled.")
	case "C02":
		return four("Rader i filen har fel antal fält eller trasiga citattecken. De kan inte läsas säkert.",
			"Rader i filen har feil antall felter eller ødelagte anførselstegn. De kan ikke leses sikkert.",
			"Rækker i filen har forkert antal felter eller ødelagte anførselstegn. De kan ikke læses sikkert.",
			"Rows of the file have a wrong number of fields or broken quotes. They cannot be read safely.")
	case "C03":
		return four("Filens kolumner är inte de avtalade. En kolumn som bytt namn eller försvunnit ger fel tal utan att det syns.",
			"Filens kolonner er ikke de avtalte. En kolonne som har skiftet navn eller forsvunnet, gir feil tall uten at det synes.",
			"Filens kolonner er ikke de aftalte. En kolonne, der har skiftet navn eller er forsvundet, giver forkerte tal, uden at det ses.",
			"The columns of the file are not those agreed. A renamed or missing column gives wrong numbers without showing.")
	case "C04":
		return four("Filen stämmer inte med sin följesedel: antal rader eller kontrollsumma skiljer sig. Något har gått förlorat på vägen.",
			"Filen stemmer ikke med følgeseddelen: antall rader eller kontrollsum er ulik. Noe har gått tapt på veien.",
			"Filen stemmer ikke med følgesedlen: antal rækker eller kontrolsum er forskellig. Noget er gået tabt på vejen.",
			"The file does not agree with its manifest: the number of rows or the checksum differs. Something was lost on the way.")
	case "C13":
		return four("Totalen är inte summan av sina delar. Minst ett av talen är fel.",
			"Totalen er ikke summen av delene. Minst ett av tallene er feil.",
			"Totalen er ikke summen af sine dele. Mindst et af tallene er forkert.",
			"The total is not the sum of its parts. At least one of the numbers is wrong.")
	case "C14":
		return four("Enheten eller indikatorn ingår inte i avtalet om deltagande. Raderna har inte sparats.",
			"Enheten eller indikatoren er ikke med i avtalen om deltakelse. Radene er ikke lagret.",
			"Enheden eller indikatoren er ikke omfattet af aftalen om deltagelse. Rækkerne er ikke gemt.",
			"The unit or indicator is not covered by an agreement to take part. The rows were not stored.")
	case "C15":
		return four("Filen innehåller det som ser ut som personnummer där inga ska finnas. Inget av innehållet har sparats i loggar.",
			"Filen inneholder det som ser ut som fødselsnumre der ingen skal finnes. Ikke noe av innholdet er lagret i logger.",
			"Filen indeholder det, der ligner personnumre, hvor ingen skal findes. Intet af indholdet er gemt i logge.",
			"The file holds what look like personal identity numbers where there must be none. Nothing of it was kept in logs.")
	case "C16":
		return four("En enhet hör till flera regioner eller koder samtidigt. Då hamnar dess tal fel.",
			"En enhet hører til flere regioner eller koder samtidig. Da havner tallene feil.",
			"En enhed hører til flere regioner eller koder samtidig. Så havner dens tal forkert.",
			"A unit belongs to several regions or codes at once. Then its numbers end up in the wrong place.")
	case "C17":
		return four("Ett värde saknas med en orsakskod som inte finns, eller har både orsakskod och värde.",
			"En verdi mangler med en årsakskode som ikke finnes, eller har både årsakskode og verdi.",
			"En værdi mangler med en årsagskode, der ikke findes, eller har både årsagskode og værdi.",
			"A value is missing with a reason code that does not exist, or has both a reason and a value.")
	case "C18":
		return four("Konfidensintervallet är omkastat eller innehåller inte andelen.",
			"Konfidensintervallet er snudd eller inneholder ikke andelen.",
			"Konfidensintervallet er vendt om eller indeholder ikke andelen.",
			"The confidence interval is out of order or does not contain the rate.")
	case "P01":
		return four("Värden ligger utanför vad som är möjligt. De räknas som saknade tills källan har rättat dem. Omöjliga antal ingår i talet: till dess visas inget som de ingår i.",
			"Verdier ligger utenfor det som er mulig. De regnes som manglende til kilden har rettet dem. Umulige antall inngår i tallet: til da vises ingenting som de inngår i.",
			"Værdier ligger uden for det mulige. De regnes som manglende, indtil kilden har rettet dem. Umulige antal indgår i tallet: indtil da vises intet, som de indgår i.",
			"Values lie outside what is possible. They count as missing until the source has corrected them. Impossible counts are in the number: nothing that they are part of is shown until then.")
	case "P07":
		return four("Kön eller ålder är omöjligt för indikatorn.", "Kjønn eller alder er umulig for indikatoren.", "Køn eller alder er umulig for indikatoren.", "Sex or age is impossible for the indicator.")
	case "T01":
		return four("Många rader har omöjliga datum: i framtiden, eller slut före början. Resten av filen kan vara förskjuten på samma sätt.",
			"Mange rader har umulige datoer: i framtiden, eller slutt før start. Resten av filen kan være forskjøvet på samme måte.",
			"Mange rækker har umulige datoer: i fremtiden, eller slut før start. Resten af filen kan være forskudt på samme måde.",
			"Many rows have impossible dates: in the future, or an end before the beginning. The rest of the file may be shifted alike.")
	case "K13":
		return four("Många rader hör till enheter eller indikatorer som inte är kända. Det som syns är bara en del.",
			"Mange rader hører til enheter eller indikatorer som ikke er kjent. Det som vises, er bare en del.",
			"Mange rækker hører til enheder eller indikatorer, der ikke er kendt. Det, der vises, er kun en del.",
			"Many rows belong to units or indicators that are not known. What is shown is only a part.")
	case "K02":
		return four("En väntad leverans har inte kommit. Det som visas är från förra gången.", "En ventet leveranse er ikke kommet. Det som vises, er fra forrige gang.",
			"En ventet leverance er ikke kommet. Det, der vises, er fra sidste gang.", "An expected export has not come. What is shown is from last time.")
	case "L01":
		return four("Leveransen kom sent.", "Leveransen kom sent.", "Leverancen kom sent.", "The export came late.")
	case "L02":
		return four("Händelser registreras senare än förut. De senaste perioderna är därför ofullständigare än de brukar.",
			"Hendelser registreres senere enn før. De siste periodene er derfor mer ufullstendige enn vanlig.",
			"Hændelser registreres senere end før. De seneste perioder er derfor mere ufuldstændige end normalt.",
			"Events are registered later than before. The latest periods are therefore less complete than usual.")
	case "L03":
		return four("En leverans i nummerföljden saknas. De följande väntar tills den kommit eller hoppats över.",
			"En leveranse i nummerrekken mangler. De neste venter til den er kommet eller hoppet over.",
			"En leverance i nummerrækken mangler. De følgende venter, til den er kommet eller sprunget over.",
			"A delivery in the sequence is missing. Those after it wait until it has come or been skipped.")
	case "L04":
		return four("Leveransen är daterad i framtiden. En klocka går fel.", "Leveransen er datert i framtiden. En klokke går feil.", "Leverancen er dateret i fremtiden. Et ur går forkert.", "The export is dated in the future. A clock is wrong.")
	case "L05":
		return four("En fråga har väntat längre än avtalat.", "Et spørsmål har ventet lenger enn avtalt.", "Et spørgsmål har ventet længere end aftalt.", "A question has waited longer than agreed.")
	}
	return nil
}

// explainNumbers explains checks of numbers over time and between units.
func explainNumbers(id string) catalog.Text {
	switch id {
	case "K03":
		return four("En stor del av värdena saknas. Det som visas vilar på resten.", "En stor del av verdiene mangler. Det som vises, bygger på resten.", "En stor del af værdierne mangler. Det, der vises, bygger på resten.", "A large share of values is missing. What is shown rests on the others.")
	case "K04":
		return four("Fler värden saknas än förut. Ofta har ett fält flyttats eller slutat fyllas i.", "Flere verdier mangler enn før. Ofte er et felt flyttet eller fylles ikke lenger ut.",
			"Flere værdier mangler end før. Ofte er et felt flyttet eller udfyldes ikke længere.", "More values are missing than before. Often a field was moved or is no longer filled in.")
	case "K05":
		return four("Utfyllnadsvärden som -1, 99 eller \"okänd\" är vanligare än förut. De är inga mätningar.", "Utfyllingsverdier som -1, 99 eller «ukjent» er vanligere enn før. De er ingen målinger.",
			"Udfyldningsværdier som -1, 99 eller »ukendt« er hyppigere end før. De er ingen målinger.", "Placeholders such as -1, 99 or \"unknown\" are commoner than before. They are no measurements.")
	case "K06":
		return four("Registrets täckningsgrad är låg. Skillnader kan bero på vilka som saknas.", "Registerets dekningsgrad er lav. Forskjeller kan skyldes hvem som mangler.",
			"Registrets dækningsgrad er lav. Forskelle kan skyldes, hvem der mangler.", "The register covers few of the cases. Differences may come from who is missing.")
	case "K07":
		return four("Nämnaren stämmer inte med antalet listade.", "Nevneren stemmer ikke med antall listede.", "Nævneren passer ikke med antallet af tilmeldte.", "The denominator does not agree with the listed population.")
	case "K08":
		return four("Månaden fylls fortfarande på. Den är preliminär.", "Måneden fylles fortsatt på. Den er foreløpig.", "Måneden fyldes stadig op. Den er foreløbig.", "The month is still filling. It is preliminary.")
	case "K10":
		return four("Färre olika koder används än förut. En del av kodverket kan ha fallit bort i exporten.", "Færre ulike koder brukes enn før. En del av kodeverket kan ha falt bort i eksporten.",
			"Færre forskellige koder bruges end før. En del af kodesystemet kan være faldet ud af eksporten.", "Fewer different codes are used than before. A part of the code system may have dropped out of the export.")
	case "K11":
		return four("En avslutad period har ändrats mer än vanligt. Det som redan visats skulle byta värde.", "En avsluttet periode er endret mer enn vanlig. Det som allerede er vist, ville skifte verdi.",
			"En afsluttet periode er ændret mere end sædvanligt. Det, der allerede er vist, ville skifte værdi.", "A closed period was restated by more than usual. What has been shown would change.")
	case "K12":
		return four("Många celler döljs för att de är små. Indikatorn är kanske för smal för den här nivån.", "Mange celler skjules fordi de er små. Indikatoren er kanskje for smal for dette nivået.",
			"Mange celler skjules, fordi de er små. Indikatoren er måske for smal til dette niveau.", "Many cells are hidden because they are small. The indicator may be too narrow for this level.")
	case "P02":
		return four("Skalans ytterlägen är ovanligt vanliga. Ofta är det ett förvalt värde.", "Skalaens ytterpunkter er uvanlig vanlige. Ofte er det en forhåndsvalgt verdi.", "Skalaens yderpunkter er usædvanligt hyppige. Ofte er det en forvalgt værdi.", "The ends of the scale are unusually common. Often that is a default value.")
	case "P03":
		return four("En del av värdena verkar ha en annan måttenhet. Medelvärdet av dem betyder inget.", "En del av verdiene ser ut til å ha en annen måleenhet. Gjennomsnittet av dem betyr ingenting.",
			"En del af værdierne ser ud til at have en anden måleenhed. Gennemsnittet af dem betyder intet.", "Some values seem to be in another unit of measure. A mean of them means nothing.")
	case "P04":
		return four("Två indikatorer motsäger varandra: en del är större än sin helhet.", "To indikatorer motsier hverandre: en del er større enn sin helhet.", "To indikatorer modsiger hinanden: en del er større end sin helhed.", "Two indicators contradict each other: a part is larger than its whole.")
	case "P05":
		return four("Nämnaren är för liten för att säga något.", "Nevneren er for liten til å si noe.", "Nævneren er for lille til at sige noget.", "The denominator is too small to say anything.")
	case "P06":
		return four("Enheten skiljer sig mer från andra än slump och vanlig variation förklarar. Det kan vara vården, och hålls därför inte tillbaka.", "Enheten skiller seg mer fra andre enn tilfeldighet og vanlig variasjon forklarer. Det kan være behandlingen, og holdes derfor ikke tilbake.",
			"Enheden adskiller sig mere fra andre, end tilfældighed og almindelig variation forklarer. Det kan være behandlingen og holdes derfor ikke tilbage.", "The unit differs from others by more than chance and usual variation explain. It may be the care, and is therefore not held back.")
	case "T02":
		return four("Enheten har fler eller färre poster i natt än den brukar samma veckodag.", "Enheten har flere eller færre poster i natt enn den pleier på samme ukedag.", "Enheden har flere eller færre poster i nat, end den plejer på samme ugedag.", "The unit has more or fewer records tonight than it usually has on this weekday.")
	case "T03":
		return four("Enheten har under den senaste veckan eller månaden fler eller färre poster än den brukar.", "Enheten har den siste uken eller måneden hatt flere eller færre poster enn den pleier.",
			"Enheden har den seneste uge eller måned haft flere eller færre poster, end den plejer.", "Over the last week or month the unit has had more or fewer records than it usually has.")
	case "T05":
		return four("Andelen har flyttat sig till en ny nivå. Så ser också en verklig förbättring ut; frågan är bara om data ändrats.", "Andelen har flyttet seg til et nytt nivå. Slik ser også en virkelig forbedring ut; spørsmålet er bare om data er endret.",
			"Andelen har flyttet sig til et nyt niveau. Sådan ser en virkelig forbedring også ud; spørgsmålet er kun, om data er ændret.", "The rate has moved to a new level. A real improvement looks like this too; the question is only whether the data changed.")
	case "T06":
		return four("Enheterna hos en källa har ändrat sig tillsammans på en natt. Vården gör sällan det; exporter och kodverk gör det.", "Enhetene hos en kilde har endret seg sammen på én natt. Behandlingen gjør sjelden det; eksporter og kodeverk gjør det.",
			"Enhederne hos en kilde har ændret sig sammen på én nat. Behandlingen gør det sjældent; eksporter og kodesystemer gør det.", "The units of one source changed together in one night. Care rarely does that; exports and code systems do.")
	case "T07":
		return four("Samma tal återkommer natt efter natt. Något har fastnat.", "Samme tall kommer igjen natt etter natt. Noe har hengt seg opp.", "Samme tal kommer igen nat efter nat. Noget sidder fast.", "The same numbers come night after night. Something is stuck.")
	case "T08":
		return four("Det som kom är en kopia av en tidigare natt eller period.", "Det som kom, er en kopi av en tidligere natt eller periode.", "Det, der kom, er en kopi af en tidligere nat eller periode.", "What came is a copy of an earlier night or period.")
	case "T09":
		return four("Händelserna fördelar sig annorlunda över dygnet eller veckan. Ofta har klockslaget gått förlorat.", "Hendelsene fordeler seg annerledes over døgnet eller uken. Ofte er klokkeslettet gått tapt.",
			"Hændelserne fordeler sig anderledes over døgnet eller ugen. Ofte er klokkeslættet gået tabt.", "Events are spread differently over the day or week. Often the time of day was lost.")
	case "T10":
		return four("Definitionen har ändrats. Värden före och efter ska inte jämföras.", "Definisjonen er endret. Verdier før og etter skal ikke sammenlignes.", "Definitionen er ændret. Værdier før og efter skal ikke sammenlignes.", "The definition changed. Values before and after are not to be compared.")
	case "D01":
		return four("Värden slutar på noll oftare än mätningar gör. De är avrundade.", "Verdier slutter på null oftere enn målinger gjør. De er avrundet.", "Værdier ender på nul oftere, end målinger gør. De er afrundet.", "Values end in zero more often than measurements do. They are rounded.")
	case "D02":
		return four("Värden hopar sig just under ett mål.", "Verdier hoper seg opp like under et mål.", "Værdier hober sig op lige under et mål.", "Values heap just under a target.")
	case "D03":
		return four("Första siffrorna är inte fördelade som i naturliga antal.", "De første sifrene er ikke fordelt som i naturlige antall.", "De første cifre er ikke fordelt som i naturlige antal.", "First digits are not distributed as in natural counts.")
	case "D04":
		return four("Fler nätter än väntat är tomma. Leveransen kan sakna dagar.", "Flere netter enn ventet er tomme. Leveransen kan mangle dager.", "Flere nætter end ventet er tomme. Leverancen kan mangle dage.", "More nights than expected are empty. The delivery may lack days.")
	case "D05":
		return four("Kategorierna fördelar sig annorlunda än i förra leveransen.", "Kategoriene fordeler seg annerledes enn i forrige leveranse.", "Kategorierne fordeler sig anderledes end i sidste leverance.", "The categories are distributed otherwise than in the last delivery.")
	case "D06":
		return four("En kategori har kommit till eller försvunnit.", "En kategori er kommet til eller forsvunnet.", "En kategori er kommet til eller forsvundet.", "A category appeared or vanished.")
	case "D07":
		return four("Värdena har fått ett annat antal decimaler.", "Verdiene har fått et annet antall desimaler.", "Værdierne har fået et andet antal decimaler.", "Values have another number of decimals.")
	case "X01":
		return four("Två källor räknar samma sak olika.", "To kilder teller det samme ulikt.", "To kilder tæller det samme forskelligt.", "Two sources count the same thing differently.")
	case "X02":
		return four("Samma patient har olika status i två källor.", "Samme pasient har ulik status i to kilder.", "Samme patient har forskellig status i to kilder.", "The same patient has different status in two sources.")
	case "X03":
		return four("Färre poster än förut kan kopplas till en enhet.", "Færre poster enn før kan kobles til en enhet.", "Færre poster end før kan kobles til en enhed.", "Fewer records than before can be linked to a unit.")
	case "X04":
		return four("Den egna summan skiljer sig från den publicerade nationella.", "Den egne summen skiller seg fra den publiserte nasjonale.", "Den egne sum adskiller sig fra den offentliggjorte nationale.", "Our own sum differs from the published national one.") //nolint:misspell // nationella is Swedish
	case "X05":
		return four("Källorna säger olika om samma uppgift.", "Kildene sier ulikt om samme opplysning.", "Kilderne siger forskelligt om samme oplysning.", "The sources disagree about an attribute.")
	case "X06":
		return four("En enhets poster har flyttat till en annan kod: en sammanslagning, en delning eller ett kodbyte. Båda enheternas kurvor blir fel tills det är avgjort.",
			"En enhets poster har flyttet til en annen kode: en sammenslåing, en deling eller et kodeskifte. Begge enheters kurver blir feil til det er avgjort.",
			"En enheds poster er flyttet til en anden kode: en sammenlægning, en deling eller et kodeskift. Begge enheders kurver bliver forkerte, til det er afgjort.",
			"A unit's records moved to another code: a merge, a split, or a new code. The charts of both are wrong until that is settled.")
	case "X07":
		return four("Stickprov mot journalen visar fler fel än vad som godtas.", "Stikkprøver mot journalen viser flere feil enn det som godtas.", "Stikprøver mod journalen viser flere fejl, end der accepteres.", "Samples checked against the record show more errors than are accepted.")
	}
	return nil
}
