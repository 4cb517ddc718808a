package review

// Routes are the patterns of the handler.
func (h *Handler) Routes() []string {
	var out []string
	for _, r := range h.routes() {
		out = append(out, r.pattern)
	}
	return out
}

// ServeWithoutRule tries to serve a route that nobody has given a rule.
func (h *Handler) ServeWithoutRule() error {
	_, err := h.serve([]route{{pattern: "GET /v1/review/new", do: h.list}})
	return err
}
