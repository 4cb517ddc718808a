package dashboards

import (
	"bytes"
	"encoding/json"
)

// The types below are the part of Grafana's dashboard model that is used here.
// Names and values are those of Grafana 12.0 (schema version 41); a later
// Grafana migrates from there by itself.

const (
	schemaVersion = 41
	// panelVersion must not be empty: the XY chart takes a panel without a
	// version for one of the time before 10.4 and rewrites its options.
	panelVersion = "12.0.0"
	// queryVersion must be 4.0.0 or above: the ClickHouse plugin takes a query
	// without a version for one of its version 3.
	queryVersion = "4.0.0"

	pluginID = "grafana-clickhouse-datasource"
	// DataSourceUID is the uid of the provisioned data source.
	DataSourceUID = "larstrom-released"
)

type object map[string]any

// Dashboard is one dashboard. It has no id: Grafana gives one.
type Dashboard struct {
	UID                  string      `json:"uid"`
	Title                string      `json:"title"`
	Description          string      `json:"description"`
	Tags                 []string    `json:"tags"`
	SchemaVersion        int         `json:"schemaVersion"`
	Version              int         `json:"version"`
	Editable             bool        `json:"editable"`
	Timezone             string      `json:"timezone"`
	WeekStart            string      `json:"weekStart"`
	FiscalYearStartMonth int         `json:"fiscalYearStartMonth"`
	GraphTooltip         int         `json:"graphTooltip"`
	LiveNow              bool        `json:"liveNow"`
	Preload              bool        `json:"preload"`
	Refresh              string      `json:"refresh"`
	Time                 TimeRange   `json:"time"`
	Timepicker           object      `json:"timepicker"`
	Links                []Link      `json:"links"`
	Annotations          Annotations `json:"annotations"`
	Templating           Templating  `json:"templating"`
	Panels               []Panel     `json:"panels"`
}

// TimeRange is a default time range, in Grafana's words.
type TimeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Link is a link at the top of a dashboard.
type Link struct {
	Title       string   `json:"title"`
	Type        string   `json:"type"`
	URL         string   `json:"url"`
	Icon        string   `json:"icon"`
	Tooltip     string   `json:"tooltip"`
	Tags        []string `json:"tags"`
	AsDropdown  bool     `json:"asDropdown"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
	TargetBlank bool     `json:"targetBlank"`
}

// Annotations is what is marked on the time axis.
type Annotations struct {
	List []Annotation `json:"list"`
}

// Annotation is one kind of mark; its query gives the columns time, text, tags.
type Annotation struct {
	Name       string      `json:"name"`
	Enable     bool        `json:"enable"`
	Hide       bool        `json:"hide"`
	IconColor  string      `json:"iconColor"`
	Datasource *Datasource `json:"datasource"`
	Target     Target      `json:"target"`
}

// Templating is the variables, each after those that it depends on.
type Templating struct {
	List []Variable `json:"list"`
}

// Variable is one variable of a dashboard. Query is a *Target for type query,
// the plugin's id for type datasource.
type Variable struct {
	Name             string      `json:"name"`
	Label            string      `json:"label"`
	Description      string      `json:"description,omitempty"`
	Type             string      `json:"type"`
	Hide             int         `json:"hide"`
	Datasource       *Datasource `json:"datasource,omitempty"`
	Query            any         `json:"query"`
	Refresh          int         `json:"refresh"`
	Regex            string      `json:"regex"`
	Sort             int         `json:"sort"`
	Multi            bool        `json:"multi"`
	IncludeAll       bool        `json:"includeAll"`
	AllowCustomValue bool        `json:"allowCustomValue"`
	SkipURLSync      bool        `json:"skipUrlSync"`
	Current          object      `json:"current"`
	Options          []object    `json:"options"`
}

// Datasource refers to a data source.
type Datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// Target is one query, as the ClickHouse plugin 4.x stores it.
type Target struct {
	RefID         string      `json:"refId"`
	Datasource    *Datasource `json:"datasource,omitempty"`
	EditorType    string      `json:"editorType"`
	QueryType     string      `json:"queryType"`
	Format        int         `json:"format"`
	PluginVersion string      `json:"pluginVersion"`
	RawSQL        string      `json:"rawSql"`
	Meta          object      `json:"meta"`
}

// Panel is one panel, or a row with the panels that it hides (Type "row").
type Panel struct {
	ID              int              `json:"id"`
	Type            string           `json:"type"`
	Title           string           `json:"title"`
	Description     string           `json:"description,omitempty"`
	GridPos         GridPos          `json:"gridPos"`
	PluginVersion   string           `json:"pluginVersion,omitempty"`
	Datasource      *Datasource      `json:"datasource,omitempty"`
	Collapsed       *bool            `json:"collapsed,omitempty"`
	Repeat          string           `json:"repeat,omitempty"`
	RepeatDirection string           `json:"repeatDirection,omitempty"`
	MaxPerRow       int              `json:"maxPerRow,omitempty"`
	Targets         []Target         `json:"targets,omitempty"`
	Transformations []Transformation `json:"transformations,omitempty"`
	FieldConfig     *FieldConfig     `json:"fieldConfig,omitempty"`
	Options         object           `json:"options,omitempty"`
	Panels          *[]Panel         `json:"panels,omitempty"`
}

// GridPos is the place of a panel; a dashboard is 24 wide.
type GridPos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

// Transformation changes the results of a panel's queries.
type Transformation struct {
	ID      string `json:"id"`
	Options object `json:"options"`
}

// FieldConfig says how the columns of the results look.
type FieldConfig struct {
	Defaults  object     `json:"defaults"`
	Overrides []Override `json:"overrides"`
}

// Override is how one column looks.
type Override struct {
	Matcher    Matcher    `json:"matcher"`
	Properties []Property `json:"properties"`
}

// Matcher picks columns.
type Matcher struct {
	ID      string `json:"id"`
	Options any    `json:"options"`
}

// Property is one property of a column.
type Property struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}

// JSON is the file that Grafana reads.
func (d Dashboard) JSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(d)
	return b.Bytes(), err
}

// All is every dashboard by the name of its file.
func All() map[string]Dashboard {
	return map[string]Dashboard{
		"larstrom-unit.json":   Unit(),
		"larstrom-funnel.json": Funnel(),
		"larstrom-feeds.json":  Feeds(),
	}
}
