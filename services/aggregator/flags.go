package aggregator

import (
	"context"

	"larstrom/pipeline/publication"
)

// flagged is what the last set of flags was made from.
type flagged struct {
	through uint64                 // the LEDGER sequence
	made    *publication.MadeFlags // nil: nothing is known
}

// madeFlags is a set of flags, whole or as a patch; without both the last one still
// holds.
type madeFlags struct {
	flagged

	whole *publication.Set
	patch *publication.Patch
}

// flagSet makes the set of the flags as they were at a LEDGER sequence: from the
// last one, which the store shows, where that is known. What is done then is in the
// number of flags of the indicators of which something was said since. It changes
// nothing of s.
func (s *Service) flagSet(ctx context.Context, through uint64) (madeFlags, error) {
	was, err := s.flagsShown(ctx)
	if err != nil {
		return madeFlags{}, err
	}
	region := s.cfg.Catalog.Region.Code
	if was.made != nil && was.through <= through {
		moved := map[string][]publication.Flag{}
		for _, indicator := range s.state.FlagsMoved(was.through, through) {
			flags, err := s.state.FlagsOfAt(indicator, through)
			if err != nil {
				return madeFlags{}, err
			}
			moved[indicator] = told(flags)
		}
		if patch, made, ok := was.made.Update(region, moved); ok {
			out := madeFlags{flagged: flagged{through, made}}
			if made.ID != was.made.ID {
				out.patch = &patch
			}
			return out, nil
		}
	}
	flags, err := s.flags(through)
	if err != nil {
		return madeFlags{}, err
	}
	set, made := publication.BuildFlags(region, flags)
	return madeFlags{flagged: flagged{through, made}, whole: &set}, nil
}

// flagsShown is what the set of flags of the last publication was made from, if the
// store is known to show it. After a start that follows from the LEDGER, and from
// what the store holds the set as.
func (s *Service) flagsShown(ctx context.Context) (flagged, error) {
	last := s.state.Publication
	if last == nil || last.Lists == "" || s.verified != last.Publication {
		return flagged{}, nil
	}
	of, patched := s.cfg.Released.Patched(last.Meta)
	if !patched {
		of.Base = last.Meta
	}
	if made := s.flagged.made; made != nil && made.ID == last.Meta && made.Base == of.Base {
		return s.flagged, nil
	}
	flags, err := s.flags(last.Through)
	if err != nil {
		return flagged{}, err
	}
	_, made := publication.BuildFlags(s.cfg.Catalog.Region.Code, flags)
	if made.ID != last.Meta {
		return flagged{}, nil // another program made it
	}
	if patched {
		base, err := s.cfg.Released.FlagSums(ctx, of.Base)
		if err != nil {
			return flagged{}, err
		}
		made = made.On(of.Base, base, flags)
	}
	return flagged{last.Through, made}, nil
}
