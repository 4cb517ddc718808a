package portal

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// said is a sentence of the packages spc, funnel and publication, which the
// released store keeps in English, and what it says in the other languages.
type said struct {
	english *regexp.Regexp // anchored; its groups are what varies
	nordic  [3]string      // $1 … are the groups
}

// sentences are read once; nothing changes them.
func sentences() []said {
	var out []said
	for _, s := range storedSentences() {
		pattern := regexp.QuoteMeta(s[0])
		// {} is a number, a name of a chart or a date, {*} a person's words, {s} a
		// plural.
		pattern = strings.ReplaceAll(pattern, `\{\*\}`, `(.+?)`)
		pattern = strings.ReplaceAll(pattern, `\{s\}`, `s?`)
		pattern = strings.ReplaceAll(pattern, `\{\}`, `([^ ,;:()]+(?: range)?)`)
		out = append(out, said{regexp.MustCompile(`^ ?` + pattern), [3]string{s[1], s[2], s[3]}})
	}
	return out
}

// why is a reason of the released store in the language of the words. What is
// in nobody's list, such as a person's own words, stays as it is.
func (w *words) why(text string) string {
	at := slices.IndexFunc(languages(), func(l crumb) bool { return l.Path == w.lang })
	if w.lang == fallback || at < 0 {
		return text
	}
	var out []string
	for text != "" {
		found := false
		for _, s := range w.stored {
			m := s.english.FindStringSubmatchIndex(text)
			if m == nil {
				continue
			}
			for i := 2; i+1 < len(m); i += 2 { // numbers take the decimal sign of the language
				if group := text[m[i]:m[i+1]]; isDecimal(group) {
					fixed := strings.Replace(group, ".", w.decimal, 1)
					text = text[:m[i]] + fixed + text[m[i+1]:]
					for j := range m {
						if m[j] > m[i] {
							m[j] += len(fixed) - len(group)
						}
					}
				}
			}
			out = append(out, string(s.english.ExpandString(nil, s.nordic[at], text, m)))
			text, found = text[m[1]:], true
			break
		}
		if !found {
			sentence, rest, more := strings.Cut(text, ". ")
			if more {
				sentence += "."
			}
			out, text = append(out, strings.TrimSpace(sentence)), rest
		}
	}
	return strings.Join(out, " ")
}

// isDecimal reports whether the text is a number with a decimal point.
func isDecimal(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil && strings.Contains(text, ".")
}

// happened is what an annotation of a unit says.
func (w *words) happened(n annotationRow) string {
	of := n.Text
	for _, before := range []string{"Carried on by ", "Carries on "} {
		of = strings.TrimPrefix(of, before)
	}
	if key := "annotation." + n.Kind; w.has(key) {
		if strings.Contains(w.texts[key], "%s") {
			return w.t(key, of)
		}
		return w.t(key)
	}
	return n.Text
}

// storedSentences are what is stored, and the same in Swedish, Norwegian and
// Danish. A longer sentence stands before one that it begins with.
func storedSentences() [][4]string {
	return [][4]string{
		{"Line only: the points overlap, so limits and run rules would mislead.", "Bara linje: punkterna överlappar, så gränser och serieregler skulle vilseleda.", "Bare linje: punktene overlapper, så grenser og serieregler ville villede.", "Kun linje: punkterne overlapper, så grænser og serieregler ville vildlede."},
		{"No centre line: no mature value yet.", "Ingen centrallinje: inget moget värde ännu.", "Ingen senterlinje: ingen moden verdi ennå.", "Ingen centerlinje: ingen moden værdi endnu."},
		{"Run chart: {} mature values are too few for limits.", "Seriediagram: $1 mogna värden är för få för gränser.", "Seriediagram: $1 modne verdier er for få til grenser.", "Seriediagram: $1 modne værdier er for få til grænser."},
		{"Run chart: gaps leave only {} moving ranges in the baseline, too few for limits.", "Seriediagram: luckor lämnar bara $1 rörliga variationsvidder i baslinjen, för få för gränser.", "Seriediagram: hull gir bare $1 bevegelige variasjonsbredder i basislinjen, for få til grenser.", "Seriediagram: huller giver kun $1 bevægelige variationsbredder i basislinjen, for få til grænser."},
		{"Run chart: the baseline has no events, or nothing but events, so it says nothing about variation; consider time between events.", "Seriediagram: baslinjen har inga händelser, eller bara händelser, så den säger inget om variationen; överväg tid mellan händelser.", "Seriediagram: basislinjen har ingen hendelser, eller bare hendelser, så den sier ingenting om variasjonen; vurder tid mellom hendelser.", "Seriediagram: basislinjen har ingen hændelser, eller kun hændelser, så den siger intet om variationen; overvej tid mellem hændelser."},
		{"{} chart: variation in the baseline is compatible with chance alone (sigma_z {}).", "$1-diagram: variationen i baslinjen stämmer med slumpen ensam (sigma_z $2).", "$1-diagram: variasjonen i basislinjen stemmer med tilfeldighet alene (sigma_z $2).", "$1-diagram: variationen i basislinjen stemmer med tilfældighed alene (sigma_z $2)."},
		{"{} chart: the denominators are too small to test the dispersion.", "$1-diagram: nämnarna är för små för att pröva dispersionen.", "$1-diagram: nevnerne er for små til å teste dispersjonen.", "$1-diagram: nævnerne er for små til at teste dispersionen."},
		{"{} chart: the baseline varies more than chance alone explains (sigma_z {}).", "$1-diagram: baslinjen varierar mer än slumpen ensam förklarar (sigma_z $2).", "$1-diagram: basislinjen varierer mer enn tilfeldighet alene forklarer (sigma_z $2).", "$1-diagram: basislinjen varierer mere, end tilfældighed alene forklarer (sigma_z $2)."},
		{"{} chart: the baseline varies less than chance alone explains (sigma_z {}); check for overlapping or dependent data.", "$1-diagram: baslinjen varierar mindre än slumpen ensam förklarar (sigma_z $2); undersök om data överlappar eller beror av varandra.", "$1-diagram: basislinjen varierer mindre enn tilfeldighet alene forklarer (sigma_z $2); undersøk om data overlapper eller er avhengige.", "$1-diagram: basislinjen varierer mindre, end tilfældighed alene forklarer (sigma_z $2); undersøg, om data overlapper eller afhænger af hinanden."},
		{"{} chart with exact limits: counts are too small for normal limits (sigma_z {}).", "$1-diagram med exakta gränser: antalen är för små för normala gränser (sigma_z $2).", "$1-diagram med eksakte grenser: antallene er for små til normale grenser (sigma_z $2).", "$1-diagram med eksakte grænser: antallene er for små til normale grænser (sigma_z $2)."},
		{"{} chart with exact limits that allow for more variation than chance (sigma_z {}): counts are too small for normal limits.", "$1-diagram med exakta gränser som räknar med mer variation än slumpen (sigma_z $2): antalen är för små för normala gränser.", "$1-diagram med eksakte grenser som tar høyde for mer variasjon enn tilfeldighet (sigma_z $2): antallene er for små til normale grenser.", "$1-diagram med eksakte grænser, der tager højde for mere variation end tilfældighed (sigma_z $2): antallene er for små til normale grænser."},
		{"XmR chart: values without a known variation within the period.", "XmR-diagram: värden utan känd variation inom perioden.", "XmR-diagram: verdier uten kjent variasjon innenfor perioden.", "XmR-diagram: værdier uden kendt variation inden for perioden."},
		{"XmR chart: counts without a denominator.", "XmR-diagram: antal utan nämnare.", "XmR-diagram: antall uten nevner.", "XmR-diagram: antal uden nævner."},
		{"{} chart: intervals between rare events; a high value is a long time without one.", "$1-diagram: tid mellan sällsynta händelser; ett högt värde är en lång tid utan.", "$1-diagram: tid mellom sjeldne hendelser; en høy verdi er en lang tid uten.", "$1-diagram: tid mellem sjældne hændelser; en høj værdi er lang tid uden."},
		{"{} chart, as asked for.", "$1-diagram, som begärt.", "$1-diagram, som ønsket.", "$1-diagram, som ønsket."},
		{"The periods differ much in size, which its limits ignore.", "Perioderna skiljer sig mycket i storlek, vilket gränserna bortser från.", "Periodene er svært ulike i størrelse, noe grensene ser bort fra.", "Perioderne er meget forskellige i størrelse, hvilket grænserne ser bort fra."},
		{"The values have a season (p {}): run rules are off; compare the same time of other years, or of other weeks.", "Värdena har en säsong (p $1): serieregler är av; jämför samma tid andra år, eller andra veckor.", "Verdiene har en sesong (p $1): serieregler er av; sammenlign samme tid andre år, eller andre uker.", "Værdierne har en sæson (p $1): serieregler er slået fra; sammenlign samme tid andre år eller andre uger."},
		{"Successive values are not independent (p {}): run rules are off.", "Värden i följd är inte oberoende (p $1): serieregler är av.", "Påfølgende verdier er ikke uavhengige (p $1): serieregler er av.", "Værdier i træk er ikke uafhængige (p $1): serieregler er slået fra."},
		{"The limits are provisional: {} mature values so far.", "Gränserna är preliminära: $1 mogna värden hittills.", "Grensene er foreløpige: $1 modne verdier hittil.", "Grænserne er foreløbige: $1 modne værdier hidtil."},
		{"The baseline is frozen: {} mature values.", "Baslinjen är fryst: $1 mogna värden.", "Basislinjen er fryst: $1 modne verdier.", "Basislinjen er fastfrosset: $1 modne værdier."},
		{"Large moving ranges were screened once.", "Stora rörliga variationsvidder sållades en gång.", "Store bevegelige variasjonsbredder ble silt én gang.", "Store bevægelige variationsbredder blev sigtet én gang."},
		{"Phase from {}: {*} (approved by {}).", "Fas från $1: $2 (godkänd av $3).", "Fase fra $1: $2 (godkjent av $3).", "Fase fra $1: $2 (godkendt af $3)."},
		{"Its baseline was set: from {} to before {}.", "Dess baslinje är bestämd: från $1 till före $2.", "Basislinjen er bestemt: fra $1 til før $2.", "Dens basislinje er bestemt: fra $1 til før $2."},
		{"Left out of centre line, limits and signals: {} ({*}).", "Inte med i centrallinje, gränser och signaler: $1 ($2).", "Utelatt av senterlinje, grenser og signaler: $1 ($2).", "Udeladt af centerlinje, grænser og signaler: $1 ($2)."},
		{"No limits: no unit with a released value.", "Inga gränser: ingen enhet har ett frisläppt värde.", "Ingen grenser: ingen enhet har en frigitt verdi.", "Ingen grænser: ingen enhed har en frigivet værdi."},
		{"No limits: one unit has no others to be judged by.", "Inga gränser: en ensam enhet har inga andra att bedömas mot.", "Ingen grenser: én enhet har ingen andre å vurderes mot.", "Ingen grænser: én enhed har ingen andre at vurderes mod."},
		{"No limits: no events, or nothing but events, so there is nothing to compare.", "Inga gränser: inga händelser, eller bara händelser, så det finns inget att jämföra.", "Ingen grenser: ingen hendelser, eller bare hendelser, så det er ingenting å sammenligne.", "Ingen grænser: ingen hændelser, eller kun hændelser, så der er intet at sammenligne."},
		{"Exact limits widened by the variation between these {} units (phi {}, tau² {}).", "Exakta gränser, vidgade med variationen mellan dessa $1 enheter (phi $2, tau² $3).", "Eksakte grenser, utvidet med variasjonen mellom disse $1 enhetene (phi $2, tau² $3).", "Eksakte grænser, udvidet med variationen mellem disse $1 enheder (phi $2, tau² $3)."},
		{"Normal limits widened by the variation between these {} units (phi {}, tau² {}).", "Normala gränser, vidgade med variationen mellan dessa $1 enheter (phi $2, tau² $3).", "Normale grenser, utvidet med variasjonen mellom disse $1 enhetene (phi $2, tau² $3).", "Normale grænser, udvidet med variationen mellem disse $1 enheder (phi $2, tau² $3)."},
		{"Exact limits; no variation between the {} units beyond chance (phi {}).", "Exakta gränser; ingen variation mellan de $1 enheterna utöver slumpen (phi $2).", "Eksakte grenser; ingen variasjon mellom de $1 enhetene utover tilfeldighet (phi $2).", "Eksakte grænser; ingen variation mellem de $1 enheder ud over tilfældighed (phi $2)."},
		{"Normal limits; no variation between the {} units beyond chance (phi {}).", "Normala gränser; ingen variation mellan de $1 enheterna utöver slumpen (phi $2).", "Normale grenser; ingen variasjon mellom de $1 enhetene utover tilfeldighet (phi $2).", "Normale grænser; ingen variation mellem de $1 enheder ud over tilfældighed (phi $2)."},
		{"Exact limits widened by the square root of phi ({}) where it is above 1.", "Exakta gränser, vidgade med kvadratroten ur phi ($1) där det är över 1.", "Eksakte grenser, utvidet med kvadratroten av phi ($1) der den er over 1.", "Eksakte grænser, udvidet med kvadratroden af phi ($1), hvor den er over 1."},
		{"Normal limits widened by the square root of phi ({}) where it is above 1.", "Normala gränser, vidgade med kvadratroten ur phi ($1) där det är över 1.", "Normale grenser, utvidet med kvadratroten av phi ($1) der den er over 1.", "Normale grænser, udvidet med kvadratroden af phi ($1), hvor den er over 1."},
		{"Exact limits widened by the previous variation between units (tau² {}): {} units are too few for their own.", "Exakta gränser, vidgade med den tidigare variationen mellan enheter (tau² $1): $2 enheter är för få för en egen.", "Eksakte grenser, utvidet med den tidligere variasjonen mellom enheter (tau² $1): $2 enheter er for få til en egen.", "Eksakte grænser, udvidet med den tidligere variation mellem enheder (tau² $1): $2 enheder er for få til en egen."},
		{"Normal limits widened by the previous variation between units (tau² {}): {} units are too few for their own.", "Normala gränser, vidgade med den tidigare variationen mellan enheter (tau² $1): $2 enheter är för få för en egen.", "Normale grenser, utvidet med den tidligere variasjonen mellom enheter (tau² $1): $2 enheter er for få til en egen.", "Normale grænser, udvidet med den tidligere variation mellem enheder (tau² $1): $2 enheder er for få til en egen."},
		{"Exact limits without allowance for variation between units: {} units are too few to estimate it, and there is no previous estimate.", "Exakta gränser utan hänsyn till variation mellan enheter: $1 enheter är för få för att skatta den, och det finns ingen tidigare skattning.", "Eksakte grenser uten hensyn til variasjon mellom enheter: $1 enheter er for få til å anslå den, og det finnes ikke noe tidligere anslag.", "Eksakte grænser uden hensyn til variation mellem enheder: $1 enheder er for få til at anslå den, og der er intet tidligere anslag."},
		{"Normal limits without allowance for variation between units: {} units are too few to estimate it, and there is no previous estimate.", "Normala gränser utan hänsyn till variation mellan enheter: $1 enheter är för få för att skatta den, och det finns ingen tidigare skattning.", "Normale grenser uten hensyn til variasjon mellom enheter: $1 enheter er for få til å anslå den, og det finnes ikke noe tidligere anslag.", "Normale grænser uden hensyn til variation mellem enheder: $1 enheder er for få til at anslå den, og der er intet tidligere anslag."},
		{"Exact limits without allowance for variation between units.", "Exakta gränser utan hänsyn till variation mellan enheter.", "Eksakte grenser uten hensyn til variasjon mellom enheter.", "Eksakte grænser uden hensyn til variation mellem enheder."},
		{"Normal limits without allowance for variation between units.", "Normala gränser utan hänsyn till variation mellan enheter.", "Normale grenser uten hensyn til variasjon mellom enheter.", "Normale grænser uden hensyn til variation mellem enheder."},
		{"Each unit is judged by what the others give.", "Varje enhet bedöms mot vad de andra ger.", "Hver enhet vurderes mot det de andre gir.", "Hver enhed vurderes mod det, de andre giver."},
		{"Left out, because they are under question: {} period{s} of {} unit{s}; the other periods of these units count.", "Inte med, eftersom de är ifrågasatta: $1 period(er) för $2 enhet(er); enheternas andra perioder räknas.", "Utelatt fordi de er under spørsmål: $1 periode(r) for $2 enhet(er); enhetenes andre perioder telles.", "Udeladt, fordi de betvivles: $1 periode(r) for $2 enhed(er); enhedernes andre perioder tæller."},
	}
}
