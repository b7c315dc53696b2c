package bot

import (
	"fmt"
	"slices"
	"strings"
)

// link holds names within the script against what they name.
func (s *script) link(r *reader) {
	if s.start != "" && s.menus[s.start] == nil {
		r.wrong(1, "start: there is no menu %q", s.start)
	}
	for _, i := range s.intents {
		for _, name := range i.slots {
			if s.slots[name] == nil {
				r.wrong(i.line, "intent %s: there is no slot %q", i.name, name)
			}
		}
		if i.menu != "" && s.menus[i.menu] == nil {
			r.wrong(i.line, "intent %s: there is no menu %q", i.name, i.menu)
		}
		for _, t := range []text{i.reply, i.other, i.handoff} {
			s.linkText(r, t)
		}
	}
	for _, m := range s.menus {
		for _, c := range m.choices {
			if s.byName[c.then] == nil {
				r.wrong(c.line, "choice %s: there is no intent %q", c.name, c.then)
			}
		}
		s.linkText(r, m.prompt)
		s.linkText(r, m.retry)
	}
	for _, slot := range s.slots {
		s.linkText(r, slot.prompt)
		s.linkText(r, slot.retry)
	}
	s.linkText(r, s.fallback)
}

// linkText finds slots that no one fills: neither a slot, nor a lookup's answer, nor a pattern's group.
func (s *script) linkText(r *reader, t text) {
	for _, name := range t.names {
		if s.slots[name] == nil && !s.answered(name) {
			r.wrong(t.line, "{{.%s}}: there is no such slot, lookup or group of a pattern", name)
		}
	}
}

// answered says whether a name comes from a lookup, whose values begin with its name, or from a pattern.
func (s *script) answered(name string) bool {
	for _, slot := range s.slots {
		if slot.lookup != "" && strings.HasPrefix(name, slot.lookup+"_") {
			return true
		}
	}
	for _, i := range s.intents {
		if i.lookup != "" && strings.HasPrefix(name, i.lookup+"_") {
			return true
		}
		for _, p := range i.patterns {
			if slices.Contains(p.SubexpNames(), name) {
				return true
			}
		}
	}
	return false
}

// unknown are names of lookups, transfers and languages that the settings do not have, and what is keyed but forgotten before it is used.
func (s *script) unknown(settings Settings) []string {
	var faults []scriptFault
	lookups := map[string]Lookup{}
	for _, l := range settings.Lookups {
		lookups[l.Name] = l
	}
	need := func(line int, name string) {
		if _, ok := lookups[name]; name != "" && !ok {
			faults = append(faults, scriptFault{line, fmt.Sprintf("there is no lookup %q among the bot's lookups", name)})
		}
	}
	for _, i := range s.intents {
		need(i.line, i.lookup)
		if _, ok := settings.target(i.transfer); i.transfer != "" && !ok {
			faults = append(faults, scriptFault{i.line, fmt.Sprintf("there is no transfer %q among the bot's transfers", i.transfer)})
		}
		if _, ok := settings.WithDefaults().speaks(i.language); i.language != "" && !ok {
			faults = append(faults, scriptFault{i.line, fmt.Sprintf("%s is none of the bot's languages", i.language)})
		}
		for n, name := range i.slots {
			if slot := s.slots[name]; slot.forgets() && n < len(i.slots)-1 && slices.Contains(lookups[i.lookup].Parameters, name) {
				faults = append(faults, scriptFault{slot.line, fmt.Sprintf(
					"slot %s: what is keyed is forgotten after its turn, and lookup %s comes later: make it the last slot, give it the lookup, or set keys: false", name, i.lookup)})
			}
		}
	}
	for _, slot := range s.slots {
		need(slot.line, slot.lookup)
	}
	slices.SortStableFunc(faults, func(a, b scriptFault) int { return a.line - b.line })
	lines := make([]string, len(faults))
	for n, f := range faults {
		lines[n] = f.String()
	}
	return lines
}

// forgets says whether the slot may be filled with digits that are not kept.
func (s *slot) forgets() bool { return s.keys && (s.kind == slotDigits || s.kind == slotNumber) }
