package credit

import (
	"slices"
	"time"

	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

// What speaks against subjects is found by its id, by act and area in the order
// in which its display began, and by the day on which that ends. The index is
// written in the commit that changes a profile. It only finds: whether a record
// is shown is decided by Law.Show when somebody asks, so what has ended at
// midnight is gone at midnight whatever the index says.

// Acts are what disclosures can be listed by: the acts of dishonesty, then the
// kinds that have no act of their own. What officers add to the catalogue stands in
// the list otherwise, which all versions of this program read: see Law.Listable.
var Acts = append(slices.Clone(acts), string(Penalty), string(Judgment))

var acts = []string{"DA1", "DA2", "DA3", "DA4", "DA5", "DA6", "DA7", SeriousList}

// agencyKind is the kind of subjects that are agencies, agencies the list of what
// is about them and their trade.
const (
	agencyKind = "agency"
	agencies   = "agencies"
)

// otherwise is the list of acts and areas that have none of their own.
const otherwise = "other"

// placed is an entry of the index.
type placed struct {
	code, list string
	rank       float64
	gone       float64 // 0 if nothing ends it
	agency     bool    // listed among those about patent agencies too
}

// lists are those in which the entry stands until it is gone.
func (p placed) lists() []string {
	switch {
	case p.list == "":
		return nil
	case p.agency:
		return []string{p.list, agencies}
	}
	return []string{p.list}
}

func areaList(district string) string {
	a, ok := ident.AreaOf(district)
	switch {
	case !ok:
		return otherwise
	case a.Successor != "":
		return a.Successor
	}
	return a.Code
}

func actList(act string) string {
	if slices.Contains(Acts, act) {
		return act
	}
	return otherwise
}

// places are the entries that an account has with these records.
func places(law *Law, code string, x *subject.Subject, records []Record) map[string]placed {
	if len(records) == 0 || x == nil {
		return nil
	}
	var all map[string]placed
	for _, l := range law.lives(records) {
		if all == nil {
			all = map[string]placed{}
		}
		p := placed{code: code, list: actList(l.act) + ":" + areaList(x.District), rank: rank(l.from, l.id),
			agency: l.agency || x.Kind == agencyKind}
		if !l.gone.IsZero() {
			p.gone = rank(l.gone, l.id)
		}
		all[l.id] = p
	}
	return all
}

// index queues what the touched accounts change in the index.
func (s *Store) index(tx *journal.Tx, all []*account, at time.Time) {
	before, after := map[string]placed{}, map[string]placed{}
	var ids []string
	for _, a := range all {
		if !a.touched {
			continue
		}
		for id, p := range a.before {
			before[id] = p
			ids = append(ids, id)
		}
		for id, p := range a.after {
			after[id] = p
			if _, ok := before[id]; !ok {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	tomorrow := rank(workday.DateOf(at).AddDays(1), "")
	for _, id := range slices.Compact(ids) {
		old, was := before[id]
		p, is := after[id]
		if was && is && old == p {
			continue
		}
		if is && old.code != p.code {
			tx.HSet(s.idKey(id), id, p.code)
		}
		stood, stands := old.lists(), p.lists()
		if p.gone != 0 && p.gone < tomorrow {
			stands = nil
		}
		for _, l := range stood {
			if !slices.Contains(stands, l) {
				tx.ZRem(s.listKey(l), id)
			}
		}
		for _, l := range stands {
			if old.rank != p.rank || !slices.Contains(stood, l) || old.gone != 0 && old.gone < tomorrow {
				tx.ZAdd(s.listKey(l), p.rank, id)
			}
		}
		switch {
		case p.gone == old.gone:
		case p.gone == 0:
			tx.ZRem(s.goneKey(), id)
		default:
			tx.ZAdd(s.goneKey(), p.gone, id)
		}
	}
}

// idKey is the hash that leads from an id to its subject's code; small ones take
// a third of the memory of a large one.
func (s *Store) idKey(id string) string  { return s.journal.Key("credit", "id", id[:min(3, len(id))]) }
func (s *Store) listKey(l string) string { return s.journal.Key("credit", "list", l) }
func (s *Store) goneKey() string         { return s.journal.Key("credit", "gone") }
