package portal

import (
	"testing"
	"time"

	"larstrom/pipeline/intake"
)

// TestRulesHaveWords: every rule by which intake leaves lines out has words.
func TestRulesHaveWords(t *testing.T) {
	w := newWords("en", time.UTC)
	for _, rule := range []string{intake.RuleBytes, intake.RuleDialect, intake.RuleHeader, intake.RuleWhole, intake.RuleType, intake.RuleUnit,
		intake.RuleIndicator, intake.RuleIdentity, intake.RuleReason, intake.RuleFuture} {
		if !w.has("rule." + rule) {
			t.Errorf("the rule %s has no words", rule)
		}
	}
}
