package figure

// Colours of the light theme, as presentation attributes. Signal colours are
// those of Okabe and Ito (2008).
const (
	fontFamily = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

	colPaper     = "#ffffff"
	colText      = "#1f2933"
	colMuted     = "#52606d"
	colGrid      = "#e4e7eb"
	colBand      = "#eef2f7"
	colLimit     = "#7b8794"
	colCentre    = "#323f4b"
	colLine      = "#829ab1"
	colPoint     = "#334e68"
	colSigma     = "#d55e00"
	colRuns      = "#0072b2"
	colHeld      = "#7b8794"
	colTarget    = "#7a3e9d"
	colReference = "#00796b"
	colAbsent    = "#52606d"
)

// Stylesheet is the style of figures that are embedded in a page: the colours of
// the dark theme, and the outline of a focused point. Light colours are in the
// figures themselves.
func Stylesheet() string {
	return `.lf{max-width:100%;height:auto}
.lf a:focus{outline:none}
.lf a:focus-visible .lf-focus{stroke:#d55e00;stroke-opacity:1}
.lf a:hover .lf-focus{stroke:#829ab1;stroke-opacity:1}
@media (prefers-color-scheme:dark){
.lf,.lf text{fill:#e4e7eb}
.lf-background{fill:#12181f}
.lf .lf-muted,.lf .lf-axis text,.lf .lf-legend text{fill:#b6c2cf}
.lf .lf-grid{stroke:#2a343f}
.lf .lf-band{fill:#1b242d}
.lf .lf-second{stroke:#9fb3c8}
.lf .lf-limit{stroke:#7b8794}
.lf .lf-centre{stroke:#cbd2d9}
.lf .lf-crossings{stroke:#56b4e9}
.lf .lf-line,.lf .lf-line-soft{stroke:#829ab1}
.lf .lf-glyph-value{fill:#9fb3c8;stroke:#12181f}
.lf .lf-glyph-sigma{fill:#ff8c3a;stroke:#12181f}
.lf .lf-glyph-runs{fill:#56b4e9;stroke:#12181f}
.lf .lf-glyph-both{stroke:#56b4e9}
.lf .lf-glyph-preliminary{fill:#12181f;stroke:#9fb3c8}
.lf .lf-glyph-held{fill:#7b8794}
.lf .lf-glyph-ring{stroke:#9aa5b1}
.lf .lf-glyph-highlight{stroke:#c792ea}
.lf .lf-absent{stroke:#b6c2cf}
.lf .lf-absent-fill{fill:#b6c2cf}
.lf .lf-target{stroke:#c792ea}
.lf .lf-reference{stroke:#4db6ac}
.lf .lf-label-target{fill:#c792ea}
.lf .lf-label-reference{fill:#4db6ac}
.lf .lf-halo{stroke:#12181f}
.lf .lf-phase,.lf .lf-note,.lf .lf-leader{stroke:#7b8794}
}
`
}
