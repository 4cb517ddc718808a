package portal

import "strings"

// EnglishSentences are the texts of the pages in English that are sentences: of
// several words, and with nothing to fill in.
func EnglishSentences() []string {
	var out []string
	for _, text := range english() {
		if strings.Count(text, " ") >= 2 && !strings.Contains(text, "%") && !strings.Contains(text, "{") {
			out = append(out, text)
		}
	}
	for _, in := range panelTexts() {
		if strings.Count(in[3], " ") >= 2 {
			out = append(out, in[3])
		}
	}
	return out
}

// Patterns are all that the portal answers about the data over a network.
func (p *Portal) Patterns() []string {
	var out []string
	for _, e := range p.table(false, nil) {
		out = append(out, e.pattern)
	}
	return out
}

// Questions is questionsOf of flags, each a severity, a flag and its incident.
func Questions(flags ...[3]string) uint64 {
	keys := make([]flagKey, len(flags))
	for i, f := range flags {
		keys[i] = flagKey{Severity: f[0], Flag: f[1], Incident: f[2]}
	}
	return questionsOf(keys)
}
