package portal_test

import (
	"testing"

	"larstrom/services/portal"
)

// The flags of an incident are one question, a flag that stands alone is one as
// well, and a remark is none.
func TestAnIncidentIsOneQuestion(t *testing.T) {
	if n := portal.Questions([3]string{"BLOCK", "a", "i"}, [3]string{"HOLD", "b", "i"}, [3]string{"HOLD", "c", ""},
		[3]string{"HOLD", "d", ""}, [3]string{"NOTE", "e", ""}, [3]string{"HOLD", "f", "j"}, [3]string{"NOTE", "g", "k"}); n != 4 {
		t.Errorf("%d questions, want 4", n)
	}
}
