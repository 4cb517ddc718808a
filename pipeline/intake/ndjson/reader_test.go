package ndjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"

	"larstrom/pipeline/intake/lines"
	"larstrom/pipeline/intake/ndjson"
	"larstrom/pipeline/intake/record"
)

func options() ndjson.Options {
	return ndjson.Options{Encoding: "utf-8", Names: []string{"unit.hsa", "n", "s"}, Ignored: []string{"meta", "unit.name"}}
}

func read(t testing.TB, text string, opt ndjson.Options) (out []string, err error) {
	t.Helper()
	r, err := ndjson.NewReader(strings.NewReader(text), opt)
	if err != nil {
		t.Fatal(err)
	}
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if rec.Malformed != "" {
			if rec.Hint == "" {
				t.Errorf("%q has no hint", rec.Malformed)
			}
			out = append(out, fmt.Sprintf("%d!%s%s", rec.Line, rec.Rule, rec.Malformed))
			continue
		}
		out = append(out, fmt.Sprintf("%d:%s", rec.Line, bytes.Join(rec.Fields, []byte("|"))))
	}
}

func TestObjects(t *testing.T) {
	const rest = `"unit":{"hsa":"SE1"}`
	line := func(s string) string { return "{" + s + "," + rest + "}\n" }
	for _, c := range []struct{ name, text, want string }{
		{"plain", line(`"n":1,"s":"a"`), "1:SE1|1|a"},
		{"dotted key", `{"unit.hsa":"SE1","n":1,"s":"a"}` + "\n", "1:SE1|1|a"},
		{"space", " { \"n\" :\t1 , \"s\" : \"a\" , \"unit\" : { \"hsa\" : \"SE1\" } } \r\n", "1:SE1|1|a"},
		{"empty lines", "\n\n" + line(`"n":1,"s":"a"`) + "\n", "3:SE1|1|a"},
		{"truth", line(`"n":true,"s":false`), "1:SE1|1|0"},
		{"null", line(`"n":null,"s":""`), "1:SE1||"},
		{"ignored", line(`"n":1,"s":"a","meta":{"x":[1,{"y":"z"},[]],"n":{}},"unit.name":7`), "1:SE1|1|a"},
		// No float has these digits.
		{"digits", line(`"n":123456789012345678901234567890.10,"s":-0`), "1:SE1|123456789012345678901234567890,10|-0"},
		{"exponent", line(`"n":1.5E+3,"s":0.1`), "1:SE1|1500|0,1"},
		{"exponent inside the digits", line(`"n":-12.345e1,"s":0.15e1`), "1:SE1|-123,45|1,5"},
		{"exponent before the digits", line(`"n":-1.20e-4,"s":125e-2`), "1:SE1|-0,000120|1,25"},
		{"exponent of nothing", line(`"n":0e5,"s":0.00e1`), "1:SE1|0|0,0"},
		{"exponent of no number", line(`"n":1e61,"s":1e-99999999999999999999`), "1:SE1|1e61|1e-99999999999999999999"},
		{"text keeps its point", line(`"n":"1.5","s":"x.y"`), "1:SE1|1.5|x.y"},
		{"escapes", line(`"n":"\u00e5\ud834\udd1e\"\\\/\b\f\n\r\t","s":"\u0041ä"`), "1:SE1|å\U0001d11e\"\\/\b\f\n\r\t|Aä"},
		{"escaped key", line(`"\u006e":1,"s":"a"`), "1:SE1|1|a"},

		{"absent", line(`"n":1`) + line(`"n":1,"s":"a"`), "1!C03the key s is absent 2:SE1|1|a"},
		{"absent object", `{"unit":null,"n":1,"s":"a"}` + "\n" + line(`"n":1,"s":"a"`), "1!C03the key unit.hsa is absent 2:SE1|1|a"},
		{"twice", line(`"n":1,"n":1,"s":"a"`), "1!a key stands twice"},
		{"twice by a dot", line(`"n":1,"unit.hsa":"SE1","s":"a"`), "1!a key stands twice"},
		{"twice by an escape", line(`"n":1,"\u006e":2,"s":"a"`), "1!a key stands twice"},
		{"twice an object", line(`"n":1,"s":"a","unit":{}`), "1!a key stands twice"},
		{"twice in what is ignored", line(`"n":1,"s":"a","meta":{"x":1,"x":1}`), "1!a key stands twice"},
		{"array", line(`"n":[1],"s":"a"`), "1!an array where the feed reads a value"},
		{"object", line(`"n":{"x":1},"s":"a"`), "1!an object where the feed reads a value"},
		{"two objects", `{"n":1}{"n":2}` + "\n", "1!something follows the object"},
		{"array of objects", "[\n", "1!the line is not a JSON object"},
		{"text", "unit;n\n", "1!the line is not a JSON object"},
		{"trailing comma", `{"n":1,}` + "\n", "1!the line is not a JSON object"},
		{"no comma", `{"n":1 "s":1}` + "\n", "1!the line is not a JSON object"},
		{"single quotes", `{'n':1}` + "\n", "1!the line is not a JSON object"},
		{"comment", `{"n":1/*x*/}` + "\n", "1!the line is not a JSON object"},
		{"NaN", line(`"n":NaN,"s":"a"`), "1!the line is not a JSON object"},
		{"leading zero", line(`"n":01,"s":"a"`), "1!a number that is not one of JSON"},
		{"plus", line(`"n":+1,"s":"a"`), "1!the line is not a JSON object"},
		{"point first", line(`"n":.5,"s":"a"`), "1!the line is not a JSON object"},
		{"point last", line(`"n":5.,"s":"a"`), "1!a number that is not one of JSON"},
		{"decimal comma", line(`"n":1,5,"s":"a"`), "1!the line is not a JSON object"},
		{"open string", `{"n":"x` + "\n", "1!a string is not closed"},
		{"open escape", `{"n":"x\` + "\n", "1!a string is not closed"},
		{"control", "{\"n\":\"a\x01\"}\n", "1!a control character inside a string"},
		{"no escape", `{"n":"\x41"}` + "\n", "1!an escape that JSON does not have"},
		{"short escape", `{"n":"\u12"}` + "\n", "1!an escape that JSON does not have"},
		{"half a pair", `{"n":"\ud834"}` + "\n", "1!half a surrogate pair"},
		{"wrong half", `{"n":"\ud834\u0041"}` + "\n", "1!half a surrogate pair"},
		{"other half", `{"n":"\udd1e"}` + "\n", "1!half a surrogate pair"},
		{"nul", `{"n":"\u0000"}` + "\n", "1!a NUL inside a string"},
		{"deep", line(`"n":1,"s":"a","meta":` + strings.Repeat(`{"x":`, 70) + "1" + strings.Repeat("}", 70)), "1!objects lie more than 64 deep in each other"},
		{"deep arrays", line(`"n":1,"s":"a","meta":` + strings.Repeat(`[`, 70) + strings.Repeat("]", 70)), "1!arrays lie more than 64 deep in each other"},
	} {
		opt := options()
		opt.Decimal = ','
		got, err := read(t, c.text, opt)
		if strings.Contains(c.want, "!") && !strings.Contains(c.want, ":") {
			// Such a file has no good object: its end tells, too.
			if fault, ok := errors.AsType[*record.Error](err); ok && (fault.Rule == "C03" || strings.HasSuffix(c.want, "!"+fault.Text)) {
				err = nil
			}
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, %v; want %q", c.name, strings.Join(got, " "), err, c.want)
		}
	}
}

func TestAbsentIsMissing(t *testing.T) {
	opt := options()
	opt.AbsentIsMissing = true
	got, err := read(t, `{"n":1}`+"\n"+`{"s":"a","unit":{"hsa":"SE1"}}`+"\n"+`{}`+"\n", opt)
	if want := "1:|1| 2:SE1||a 3:||"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	_, err = read(t, `{"n":1}`+"\n"+`{"s":"a","unit":{}}`+"\n", opt)
	if fault, ok := errors.AsType[*record.Error](err); !ok || fault.Rule != "C03" || fault.Column != "unit.hsa" || fault.Hint == "" {
		t.Errorf("a key that no object has: %v", err)
	}
}

func TestFileFaults(t *testing.T) {
	const good = `{"n":1,"s":"a","unit":{"hsa":"SE1"}}` + "\n"
	for _, c := range []struct {
		name, text   string
		line         uint64
		rule, column string
	}{
		{"unknown key", good + `{"n":1,"s":"a","unit":{"hsa":"SE1"},"x":1}` + "\n", 2, "C03", "x"},
		{"unknown key inside", `{"n":1,"s":"a","unit":{"hsa":"SE1","sor":1}}` + "\n", 1, "C03", "unit.sor"},
		{"unknown null", `{"x":null}` + "\n", 1, "C03", "x"},
		{"a number for a key", `{"191212121212":null}` + "\n", 1, "C03", ""},
		{"value for an object", `{"unit":"SE1","n":1,"s":"a"}` + "\n", 1, "C03", "unit"},
		{"byte", good + "{\"s\":\"\xe5\"}\n", 2, "C01", ""},
		{"long line", good + `{"s":"` + strings.Repeat("x", 2<<20) + "\"}\n", 2, "C02", ""},
		{"mark", "\xef\xbb\xbf" + good, 1, "C01", ""},
		{"array", `[{"n":1,"s":"a","unit":{"hsa":"SE1"}}]` + "\n", 1, "C02", ""},
		{"object over lines", "{\n\"n\":1,\n\"s\":\"a\"}\n", 1, "C02", ""},
	} {
		_, err := read(t, c.text, options())
		fault, ok := errors.AsType[*record.Error](err)
		if !ok || fault.Rule != c.rule || fault.Line != c.line || fault.Column != c.column || fault.Hint == "" || strings.Contains(fmt.Sprint(*fault), "1912") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := ndjson.NewReader(nil, ndjson.Options{Encoding: "iso-8859-1"}); err == nil {
		t.Error("JSON in Latin-1 was taken")
	}
}

// FuzzObject: what is read of a line is what another reader of JSON finds
// there.
func FuzzObject(f *testing.F) {
	for _, s := range []string{`{"n":1.50,"s":"a","unit":{"hsa":"SE1"}}`, `{"n":true,"s":null,"unit":{"hsa":"\u00e5"},"meta":[{}]}`, `{"n":1,"n":2}`, `{"unit.hsa":"x","n":-1e5,"s":"\ud834\udd1e"}`, `[]`, `{"s":"`, "{\"s\":\"\x7f\"}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		opt := options()
		opt.AbsentIsMissing = true
		opt.Lines = lines.Options{Chunk: 5}
		r, err := ndjson.NewReader(strings.NewReader(text+"\n"), opt)
		if err != nil {
			t.Fatal(err)
		}
		for {
			rec, err := r.Next()
			if err != nil {
				return
			}
			if rec.Malformed != "" {
				continue
			}
			d := json.NewDecoder(bytes.NewReader(rec.Raw))
			d.UseNumber()
			var m map[string]any
			if err := d.Decode(&m); err != nil {
				t.Fatalf("%q was read, but is no JSON: %v", rec.Raw, err)
			}
			inner, _ := m["unit"].(map[string]any)
			for i, v := range []any{inner["hsa"], m["n"], m["s"]} {
				if w, ok := m["unit.hsa"]; i == 0 && ok {
					v = w
				}
				want := ""
				switch v := v.(type) {
				case json.Number:
					want = v.String()
					if got := string(rec.Fields[i]); strings.ContainsAny(want, "eE") && !strings.ContainsAny(got, "eE") && len(got) < 200 {
						a, _ := new(big.Rat).SetString(got)
						b, _ := new(big.Rat).SetString(want)
						if a == nil || b == nil || a.Cmp(b) != 0 {
							t.Fatalf("%q: field %d is %q, which is not %s", rec.Raw, i, got, want)
						}
						continue
					}
				case string:
					want = v
				case bool:
					want = map[bool]string{true: "1", false: "0"}[v]
				case nil:
				default:
					t.Fatalf("%q: field %d is %T", rec.Raw, i, v)
				}
				if string(rec.Fields[i]) != want {
					t.Fatalf("%q: field %d is %q, want %q", rec.Raw, i, rec.Fields[i], want)
				}
			}
		}
	})
}
