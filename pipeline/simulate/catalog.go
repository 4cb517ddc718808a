package simulate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"larstrom/pipeline/catalog"
)

// writeCatalog writes the region as a person would have: one file a subject.
func (g *generator) writeCatalog(sink Sink) error {
	type part struct {
		name, comment string
		content       any
	}
	var regs []catalog.Registry
	for _, f := range g.feeds {
		for _, r := range registries() {
			if r.code == f.Registry {
				regs = append(regs, catalog.Registry{Code: r.code, Name: r.name, Country: r.country})
			}
		}
	}
	parts := []part{{"region.yaml", "Havsmark is invented, and so are its units, codes, registries and people. It\nlies where four countries meet.", struct {
		Region     catalog.Region     `json:"region"`
		Registries []catalog.Registry `json:"registries"`
		Profiles   []catalog.Profile  `json:"profiles"`
	}{catalog.Region{Code: regionCode, TimeZone: "Europe/Stockholm", Name: g.region.fixed[0].Name}, regs, []catalog.Profile{{ID: "internal", Rule: "internal"}}}}}
	units := slices.Clone(g.region.fixed)
	for _, u := range g.region.units {
		units = append(units, u.Unit)
	}
	parts = append(parts, part{"units.yaml", "Region, areas, hospitals and the units that report. A change of code is a\nsecond, dated code; a merger ends the old units and names their successor.", struct {
		Units []catalog.Unit `json:"units"`
	}{units}})
	for _, f := range g.feeds {
		var inds []catalog.Indicator
		for _, i := range f.inds {
			inds = append(inds, i.Indicator)
		}
		parts = append(parts, part{"indicators/" + f.Registry + ".yaml", "", struct {
			Indicators []catalog.Indicator `json:"indicators"`
		}{inds}}, part{"feeds/" + f.Registry + ".yaml", "", struct {
			Feeds []catalog.Feed `json:"feeds"`
		}{[]catalog.Feed{f.Feed}}})
		if f.Registry == infekt {
			var codes []catalog.DatedCode
			for _, c := range diagnoses() {
				codes = append(codes, catalog.DatedCode{Code: c.code})
			}
			parts = append(parts, part{"codes.yaml", "The diagnoses of respiratory infections that visits are registered with.", struct {
				CodeSystems []catalog.CodeSystem `json:"code_systems"`
			}{[]catalog.CodeSystem{{ID: "icd-10-se", Codes: codes}}}})
		}
	}
	parts = append(parts, part{"people.yaml", "Invented people. The token of each is the id followed by -demo: replace them\nall before anything real is handed in.", struct {
		People []catalog.Person `json:"people"`
	}{g.people()}})
	for _, p := range parts {
		if err := create(sink, "catalog/"+p.name, func(w io.Writer) error { return writeYAML(w, p.comment, p.content) }); err != nil {
			return fmt.Errorf("simulate: catalog %s: %w", p.name, err)
		}
	}
	return nil
}

// writeYAML writes a value in the keys of its JSON form, which are those of the
// catalog, and in their order.
func writeYAML(w io.Writer, comment string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil { // JSON is YAML
		return err
	}
	tidy(&doc)
	if comment != "" {
		comment = "# " + strings.ReplaceAll(comment, "\n", "\n# ") + "\n"
	}
	if _, err := io.WriteString(w, comment); err != nil {
		return err
	}
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(&doc); err != nil {
		return err
	}
	return e.Close()
}

// tidy gives nodes the style of a file written by hand: blocks, and small
// mappings and lists of plain values on a line.
func tidy(n *yaml.Node) {
	n.Style = 0
	plain := true
	size := 0
	for _, c := range n.Content {
		tidy(c)
		plain = plain && c.Kind == yaml.ScalarNode
		size += len(c.Value) + 2
	}
	if plain && size < 90 && (n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode) {
		n.Style = yaml.FlowStyle
	}
}

// people are a few of each role.
func (g *generator) people() []catalog.Person {
	var out []catalog.Person
	// The addresses are of a domain that nobody can have (RFC 2606).
	person := func(id, name, language string, roles ...catalog.Role) {
		sum := sha256.Sum256([]byte(id + "-demo"))
		out = append(out, catalog.Person{ID: id, Name: name, Email: id + "@havsmark.example", Language: language, Roles: roles, TokenSHA256: hex.EncodeToString(sum[:])})
	}
	super := map[string]string{groupSE: "Astrid Exempelsson", groupDK: "Camilla Prøve", groupNO: "Dag Eksempel", groupFI: "Bo Provberg"}
	operator := map[string]string{pvk: "Export PVK", infekt: "Export infektion", hofte: "Eksport hofte", slag: "Eksport slag", akut: "Export akut"}
	speaks := map[string]string{groupSE: "sv", groupDK: "da", groupNO: "nb", groupFI: "en"}
	seen := map[string]*catalog.Person{}
	for _, f := range g.feeds {
		if p := seen[f.group]; p != nil {
			p.Roles[0].Registries = append(p.Roles[0].Registries, f.Registry)
			slices.Sort(p.Roles[0].Registries)
			continue
		}
		top := map[string]string{groupDK: "dk-omr", groupNO: "no-omr", groupFI: "fi-omr"}[f.group]
		role := catalog.Role{Role: "super_user", Registries: []string{f.Registry}}
		if top != "" {
			role.Units = []string{top}
		}
		seen[f.group] = &catalog.Person{ID: fmt.Sprintf("p-10%02d", groupOrder(f.group)+1), Name: super[f.group], Roles: []catalog.Role{role}}
	}
	for _, group := range []string{groupSE, groupDK, groupNO, groupFI} {
		if p := seen[group]; p != nil {
			person(p.ID, p.Name, speaks[group], p.Roles...)
		}
	}
	if n := len(g.region.byGroup[groupSE]); n > 0 {
		u := g.region.byGroup[groupSE][0]
		person("p-1011", "Britta Vårdlund", "sv", catalog.Role{Role: "super_user", Units: []string{u.ID}})
	}
	person("p-2001", "Eva Stewardsson", "sv", catalog.Role{Role: "region_steward"})
	person("p-2002", "Finn Forvalter", "da", catalog.Role{Role: "region_steward"})
	person("p-2003", "Gro Nasjonal", "nb", catalog.Role{Role: "national_steward", Registries: []string{g.feeds[0].Registry}})
	person("p-3001", "Henrik Granskare", "en", catalog.Role{Role: "auditor"})
	for i, f := range g.feeds {
		person(fmt.Sprintf("p-40%02d", i+1), operator[f.Registry], speaks[f.group], catalog.Role{Role: "source_operator", Registries: []string{f.Registry}})
	}
	person("p-5001", "Ingrid Admin", "sv", catalog.Role{Role: "administrator"})
	person("p-6001", "Jonas Läsare", "en", catalog.Role{Role: "viewer"})
	return out
}
