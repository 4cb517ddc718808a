package dashboards

// Feeds is the dashboard of what arrives: control charts of each feed itself,
// and what is under question, folded by its likely cause.
func Feeds() Dashboard {
	d := dashboard("larstrom-feeds", "Lärström: feeds and incidents",
		"What arrives, before any indicator: is each feed as it usually is? And what is under question now, by its likely cause.")
	d.Links = []Link{link("Over time: control charts of a unit", "/d/larstrom-unit?${datasource:queryparam}", "One unit over time")}
	d.Templating.List = []Variable{datasourceVariable(), queryVariable("feed", "Feed", `
SELECT DISTINCT feed
FROM delivery
ORDER BY feed`)}
	d.Annotations.List = []Annotation{}
	hours := "max(dateDiff('minute', toDateTime64(as_of, 0, 'UTC'), received_at)) / 60"
	d.Panels = []Panel{
		sentences(1, "", "Which publication this page shows.", GridPos{H: 2, W: 24, X: 0, Y: 0}, publication(), "publication"),
		incidents(2),
		feedChart(3, "Volume: lines of a night", "Lines of the accepted deliveries of each as-of date.", GridPos{H: 8, W: 12, X: 0, Y: 12}, "short", "sum(lines)"),
		feedChart(4, "Completeness: rejected lines", "Share of the lines that no fact was made of. The cells that they may belong to carry their number.",
			GridPos{H: 8, W: 12, X: 12, Y: 12}, "percent", "100 * sum(rejected) / greatest(sum(lines), 1)"),
		feedChart(5, "Unknown codes: parked lines", "Share of the lines whose unit or indicator the catalog does not have: they wait for it.",
			GridPos{H: 8, W: 12, X: 0, Y: 20}, "percent", "100 * sum(parked) / greatest(sum(lines), 1)"),
		feedChart(6, "Lateness: arrival after the as-of date", "From the beginning (UTC) of the date that a delivery is as of to its arrival. A night on which nothing came has no point.",
			GridPos{H: 8, W: 12, X: 12, Y: 20}, "h", hours),
		arrivals(7),
	}
	return d
}

// feedChart is an XmR chart (individuals and moving ranges; Shewhart's limits at
// 2.66 mean moving ranges) of one number of a feed by as-of date. The newest
// delivery is in no baseline, and fewer than eight before it make no limits.
func feedChart(id int, title, description string, pos GridPos, unit, number string) Panel {
	limit := func(name string) []Property {
		return []Property{named(name), fixed("orange"), prop("custom.lineWidth", 1), prop("custom.showPoints", "never")}
	}
	return Panel{
		ID: id, Type: "timeseries", Title: title, GridPos: pos, PluginVersion: panelVersion, Datasource: source(),
		Description: description + " XmR chart: the limits are 2.66 mean moving ranges from the mean of the deliveries before the newest; fewer than eight make none.",
		Targets: []Target{query("A", `
SELECT
  time,
  if(n > 8, least(centre + 2.66 * spread, 1e15), NULL) AS upper_limit,
  if(n > 8, greatest(centre - 2.66 * spread, 0), NULL) AS lower_limit,
  if(n > 8, centre, NULL) AS middle,
  x AS delivered,
  if(n > 8 AND (x > centre + 2.66 * spread OR x < centre - 2.66 * spread), x, NULL) AS beyond
FROM (
  SELECT time, x, n, avgIf(x, place < n) OVER () AS centre, avgIf(moved, place > 1 AND place < n) OVER () AS spread
  FROM (
    SELECT time, x, count() OVER () AS n, row_number() OVER (ORDER BY time) AS place,
      abs(x - lagInFrame(x) OVER (ORDER BY time ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS moved
    FROM (
      SELECT toDateTime64(as_of, 0, 'UTC') AS time, toFloat64(`+number+`) AS x
      FROM delivery
      WHERE feed = `+value("feed")+` AND state = 'accepted'
      GROUP BY as_of
    )
  )
)
ORDER BY time`)},
		FieldConfig: &FieldConfig{
			Defaults: object{
				"color": object{"mode": "fixed", "fixedColor": "text"}, "mappings": []object{}, "thresholds": noThresholds(), "unit": unit, "decimals": 2,
				"custom": object{
					"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 0, "spanNulls": false, "insertNulls": false,
					"showPoints": "always", "pointSize": 5, "axisPlacement": "auto", "scaleDistribution": object{"type": "linear"},
					"hideFrom": object{"legend": false, "tooltip": false, "viz": false},
				},
			},
			Overrides: []Override{
				by("upper_limit", limit("Upper limit")...), by("lower_limit", limit("Lower limit")...),
				by("middle", named("Mean"), fixed("green"), prop("custom.lineWidth", 2), prop("custom.showPoints", "never")),
				by("delivered", named("Delivered"), fixed("blue")),
				by("beyond", named("Signal: beyond a limit (large disc)"), fixed("red"), prop("custom.drawStyle", "points"), prop("custom.pointSize", 12)),
			},
		},
		Options: object{"legend": legend(), "tooltip": object{"mode": "multi", "sort": "none", "hideZeros": false}},
	}
}

// incidents are the open flags of the publication by what they have in common.
func incidents(id int) Panel {
	return table(id, "Under question, by likely cause", "Open flags: those of one incident are decided together; the others stand by their check. In the order in which they were raised.",
		GridPos{H: 10, W: 24, X: 0, Y: 2}, query("A", `
SELECT
  if(incident = '', 'none in common', incident) AS cause,
  arrayStringConcat(arraySort(groupUniqArray(toString(check))), ', ') AS checks,
  arrayStringConcat(arraySort(groupUniqArray(toString(severity))), ', ') AS severities,
  count() AS flags,
  uniqExact(indicator) AS indicators,
  uniqExactIf(unit, unit != '') AS units,
  sum(cells) AS held,
  countIf(sla != '') AS late,
  toString(toDate(min(raised_at))) AS since
FROM flag
WHERE state = 'open'
GROUP BY incident, if(incident = '', check, '')
ORDER BY min(raised_at), cause, checks`),
		by("cause", named("Incident"), width(220)), by("checks", named("Checks"), width(140)), by("severities", named("Severity"), width(140)),
		by("flags", named("Flags"), width(90)), by("indicators", named("Indicators"), width(110)), by("units", named("Units"), width(90)),
		by("held", named("Cells guarded"), width(130)), by("late", named("Beyond their time"), width(150)), by("since", named("Raised first")))
}

// arrivals are the deliveries of the feed, newest first.
func arrivals(id int) Panel {
	return table(id, "Deliveries of the feed", "The newest first. A rejected file made no fact; its receipt names file, line, column and rule.",
		GridPos{H: 10, W: 24, X: 0, Y: 28}, query("A", `
SELECT
  toString(as_of) AS as_of_date,
  formatDateTime(received_at, '%Y-%m-%d %H:%i', 'UTC') AS received,
  toString(state) AS became,
  file,
  if(state = 'accepted', lines, NULL) AS line_count,
  if(state = 'accepted', rejected, NULL) AS rejected_lines,
  if(state = 'accepted', parked, NULL) AS parked_lines,
  reason
FROM delivery
WHERE feed = `+value("feed")+`
ORDER BY received_at DESC, delivery
LIMIT 200`),
		by("as_of_date", named("As of"), width(110)), by("received", named("Received (UTC)"), width(150)), by("became", named("Became"), width(110)),
		by("file", named("File"), width(280)), by("line_count", named("Lines"), width(90)), by("rejected_lines", named("Rejected"), width(90)),
		by("parked_lines", named("Parked"), width(90)), by("reason", named("Why")))
}
