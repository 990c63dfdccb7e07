package campaign

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/casework"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/liaison"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// InspectionRef names a joint inspection in the journal.
func InspectionRef(id string) string { return "inspection:" + id }

// InspectionPlan is what an officer fills in of a joint inspection.
type InspectionPlan struct {
	Name     string
	Campaign string // id, "" without one
	From, To workday.Date
	Basis    Basis
	Orgs     []string // the organisations asked to take part, besides the actor's
	Sites    []Site   // Code and Name
}

// partners are the kinds of organisation that can take part.
var partners = []staff.Kind{staff.LeadBureau, staff.DistrictBureau, staff.ZoneAdministration, staff.Department, staff.Customs, staff.Police, staff.Association}

// Partners lists the organisations that can be asked.
func (s *Store) Partners(ctx context.Context) ([]staff.Organization, error) {
	list, err := s.staff.Organizations(ctx, false)
	return slices.DeleteFunc(list, func(o staff.Organization) bool { return o.Closed || !slices.Contains(partners, o.Kind) }), err
}

// Plan sets up a joint inspection and asks the others to take part
// (staff.CampaignManage).
func (s *Store) Plan(ctx context.Context, a staff.Actor, p InspectionPlan, now time.Time) (Inspection, error) {
	i := Inspection{Division: a.Org.Division(), Org: a.Org.ID, Stage: Invited, Handlers: []string{a.User.ID}}
	if err := s.may(a, i.Division, now); err != nil {
		return i, err
	}
	today := workday.DateOf(now)
	bad := fault.New(fault.Invalid, "campaign.incomplete")
	p.Name, bad = name(bad, "name", p.Name)
	bad = span(bad, p.From, p.To)
	bad = p.Basis.check(bad, today)
	if p.Campaign != "" {
		c, err := one[Campaign](ctx, s.store, nil, s.store.key(p.Campaign))
		if _, refused := fault.Of(err); err != nil && !refused {
			return i, err
		}
		if err != nil || c.State != Running || s.reads(a, c, now) != nil {
			bad = bad.With("campaign", "campaign.choice")
		}
	}
	known, err := s.Partners(ctx)
	if err != nil {
		return i, err
	}
	for _, org := range p.Orgs {
		if org == a.Org.ID || slices.ContainsFunc(i.Parts, func(x Part) bool { return x.Org == org }) {
			continue
		}
		if !slices.ContainsFunc(known, func(o staff.Organization) bool { return o.ID == org }) {
			bad = bad.With("orgs", "campaign.choice")
			break
		}
		i.Parts = append(i.Parts, Part{Org: org})
	}
	if len(i.Parts) == 0 || len(i.Parts) > mostParts {
		bad = bad.With("orgs", "campaign.parts", mostParts)
	}
	var parties []staff.Party
	for n, site := range p.Sites {
		at := "sites/" + strconv.Itoa(n)
		code, err := ident.ParseUSCC(site.Code)
		if err != nil {
			f, _ := fault.Of(err)
			bad = bad.With(at+"/code", f.Code, f.Args...)
		}
		site.Code = string(code)
		site.Name, bad = name(bad, at+"/name", site.Name)
		if slices.ContainsFunc(i.Sites, func(x Site) bool { return x.Code == site.Code && site.Code != "" }) {
			bad = bad.With(at+"/code", "campaign.twice")
		}
		i.Sites = append(i.Sites, Site{Code: site.Code, Name: site.Name})
		parties = append(parties, staff.Party{Code: site.Code, Name: site.Name})
	}
	if len(i.Sites) == 0 || len(i.Sites) > mostSites {
		bad = bad.With("sites", "campaign.sites", mostSites)
	}
	if len(bad.Fields) > 0 {
		return i, bad
	}
	if a.TiedTo(parties) {
		return i, fault.New(fault.Forbidden, "staff.can.tied")
	}
	if i.Key, _, err = s.safe.Make(ctx, i.Division); err != nil {
		return i, err
	}
	i.Name, i.Campaign, i.From, i.To, i.Basis = p.Name, p.Campaign, p.From, p.To, p.Basis
	i.happen("created", a.User.ID, a.Org.ID, now)
	times, err := s.times(ctx, today)
	if err != nil {
		return i, err
	}
	var series string
	var n int64
	if i.ID, series, n, err = s.number(ctx, inspectionMark, i.Division, today); err != nil {
		return i, err
	}
	err = s.store.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "campaign.inspection_plan", Ref: InspectionRef(i.ID), At: now}, nil, func(tx *journal.Tx) error {
		tx.Counter(series, n)
		tx.ZAdd(s.store.key("inspections"), float64(i.From.Start().Unix()), i.ID)
		if err := s.tell(tx, i, "invited", now); err != nil {
			return err
		}
		if err := s.keepInspection(tx, i, times); err != nil {
			return err
		}
		return journal.Put(tx, s.store.key("inspection", i.ID), i)
	})
	return i, err
}

// tell writes to every organisation that was asked and has not declined.
func (s *Store) tell(tx *journal.Tx, i Inspection, what string, now time.Time) error {
	for _, p := range i.Parts {
		if p.Answer == "declined" {
			continue
		}
		m := staff.NewMessage(p.Org, "campaign."+what, InspectionRef(i.ID), "campaign.inbox."+what, "case-handling/inspections/"+i.ID, now, i.Name)
		if err := s.staff.Tell(tx, m); err != nil {
			return err
		}
	}
	return nil
}

// part is the actor's organisation's part; the leading one has one without having
// been asked.
func (i Inspection) part(org string) int {
	return slices.IndexFunc(i.Parts, func(p Part) bool { return p.Org == org })
}

// takes tells whether the actor works for the inspection in his organisation.
func (s *Store) takes(a staff.Actor, i Inspection, now time.Time) error {
	if a.Org.ID == i.Org {
		return s.may(a, i.Division, now)
	}
	if i.part(a.Org.ID) < 0 {
		return errUnknown
	}
	return staff.Can(a, staff.NotifiedReply, staff.Resource{Unit: a.Org.ID}, now)
}

// views tells whether the actor may see it: who takes part, and those above the
// division that leads.
func (s *Store) views(a staff.Actor, i Inspection, now time.Time) error {
	if err := s.takes(a, i, now); err == nil {
		return nil
	}
	if err := s.may(a, i.Division, now); err != nil {
		return errUnknown
	}
	return nil
}

// tied refuses whoever must stay away from the site (回避).
func tied(a staff.Actor, sites ...Site) error {
	for _, x := range sites {
		if a.TiedTo([]staff.Party{{Code: x.Code, Name: x.Name}}) {
			return fault.New(fault.Forbidden, "staff.can.tied")
		}
	}
	return nil
}

func (s *Store) changeInspection(ctx context.Context, a staff.Actor, id string, version int64, what string, now time.Time, f func(tx *journal.Tx, i *Inspection) error) (Inspection, error) {
	var i Inspection
	key := s.store.key("inspection", id)
	times, err := s.times(ctx, workday.DateOf(now))
	if err != nil {
		return i, err
	}
	err = s.store.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "campaign.inspection_" + what, Ref: InspectionRef(id), At: now}, []string{key}, func(tx *journal.Tx) error {
		var err error
		if i, err = one[Inspection](ctx, s.store, tx, key); err != nil {
			return err
		}
		if err := s.takes(a, i, now); err != nil {
			return err
		}
		if i.Version != version {
			return fault.New(fault.Stale, "campaign.stale")
		}
		if err := f(tx, &i); err != nil {
			return err
		}
		i.happen(what, a.User.ID, a.Org.ID, now)
		if err := s.keepInspection(tx, i, times); err != nil {
			return err
		}
		return journal.Put(tx, key, i)
	})
	return i, err
}

// Join is an organisation's answer: whether it takes part, and then who comes
// (one name a line; sealed). Whom it chooses is its own business; a draw at random
// belongs to random inspections (双随机).
func (s *Store) Join(ctx context.Context, a staff.Actor, id string, version int64, yes bool, people []string, now time.Time) (Inspection, error) {
	bad := fault.New(fault.Invalid, "campaign.incomplete")
	var names []string
	for _, p := range people {
		p, err := ident.Clean(p)
		if err != nil || len([]rune(p)) > 40 {
			return Inspection{}, bad.With("people", "campaign.people")
		}
		if p != "" {
			names = append(names, p)
		}
	}
	// 行政处罚法 art. 42: no fewer than two officers; a department that only comes
	// along may send one.
	if yes && (len(names) == 0 || len(names) > 20) {
		return Inspection{}, bad.With("people", "campaign.people")
	}
	i, err := one[Inspection](ctx, s.store, nil, s.store.key("inspection", id))
	if err != nil {
		return i, err
	}
	to, err := s.safe.Recipient(ctx, i.Key)
	if err != nil {
		return i, err
	}
	sealed, err := liaison.Seal(to, names)
	if err != nil {
		return i, err
	}
	return s.changeInspection(ctx, a, id, version, "join", now, func(tx *journal.Tx, i *Inspection) error {
		n := i.part(a.Org.ID)
		if n < 0 || i.Stage != Invited {
			return errStep
		}
		p := &i.Parts[n]
		p.By, p.Answer, p.Inspectors = a.User.ID, "declined", 0
		if yes {
			p.Answer, p.Inspectors = "accepted", len(names)
			tx.HSet(s.store.key("inspection", id, "people"), a.Org.ID, sealed)
		}
		if i.answered() {
			i.Stage = Ready
		}
		return nil
	})
}

// Begin opens the inspection for findings (the leading organisation), whether or
// not everybody has answered: who has not does not take part.
func (s *Store) Begin(ctx context.Context, a staff.Actor, id string, version int64, now time.Time) (Inspection, error) {
	return s.changeInspection(ctx, a, id, version, "begin", now, func(tx *journal.Tx, i *Inspection) error {
		if a.Org.ID != i.Org {
			return fault.New(fault.Forbidden, "staff.can.org")
		}
		if i.Stage != Invited && i.Stage != Ready {
			return errStep
		}
		if !slices.ContainsFunc(i.Parts, func(p Part) bool { return p.Answer == "accepted" }) {
			return fault.New(fault.Refused, "campaign.alone")
		}
		for n := range i.Parts {
			if i.Parts[n].Answer == "" {
				i.Parts[n].Answer = "declined"
			}
		}
		i.Stage = Underway
		return s.tell(tx, *i, "underway", now)
	})
}

// Cancel calls it off (the leading organisation).
func (s *Store) Cancel(ctx context.Context, a staff.Actor, id string, version int64, now time.Time) (Inspection, error) {
	return s.changeInspection(ctx, a, id, version, "cancel", now, func(tx *journal.Tx, i *Inspection) error {
		if a.Org.ID != i.Org {
			return fault.New(fault.Forbidden, "staff.can.org")
		}
		if i.Stage == Finished || i.Stage == Canceled {
			return errStep
		}
		i.Stage = Canceled
		return s.tell(tx, *i, "canceled", now)
	})
}

// Find records what the actor's organisation found at a site; again replaces it.
func (s *Store) Find(ctx context.Context, a staff.Actor, id string, version int64, code string, f Finding, now time.Time) (Inspection, error) {
	bad := fault.New(fault.Invalid, "campaign.incomplete")
	text := strings.TrimSpace(strings.ReplaceAll(f.Text, "\r\n", "\n"))
	if !slices.Contains(Outcomes(), f.Outcome) {
		bad = bad.With("outcome", "campaign.choice")
	}
	if text == "" {
		bad = bad.With("text", "campaign.required")
	} else if err := liaison.CheckText(text, mostText); err != nil {
		why, _ := fault.Of(err)
		bad = bad.With("text", why.Code, why.Args...)
	}
	if f.On.IsZero() || f.On.After(workday.DateOf(now)) {
		bad = bad.With("on", "campaign.entry.on")
	}
	if len(bad.Fields) > 0 {
		return Inspection{}, bad
	}
	i, err := one[Inspection](ctx, s.store, nil, s.store.key("inspection", id))
	if err != nil {
		return i, err
	}
	to, err := s.safe.Recipient(ctx, i.Key)
	if err != nil {
		return i, err
	}
	if f.Text, err = liaison.Seal(to, text); err != nil {
		return i, err
	}
	return s.changeInspection(ctx, a, id, version, "find", now, func(_ *journal.Tx, i *Inspection) error {
		n := slices.IndexFunc(i.Sites, func(x Site) bool { return x.Code == code })
		switch {
		case n < 0:
			return fault.New(fault.Invalid, "campaign.incomplete").With("site", "campaign.choice")
		case i.Stage != Underway || !slices.Contains(i.Taking(), a.Org.ID):
			return errStep
		case f.On.Before(i.From):
			return fault.New(fault.Invalid, "campaign.incomplete").With("on", "campaign.entry.on")
		}
		if err := tied(a, i.Sites[n]); err != nil {
			return err
		}
		findings := map[string]Finding{}
		for org, x := range i.Sites[n].Findings {
			findings[org] = x
		}
		f.By = a.User.ID
		findings[a.Org.ID] = f
		i.Sites[n].Findings = findings
		return nil
	})
}

// FollowUp names the case that followed at a site (the leading organisation).
func (s *Store) FollowUp(ctx context.Context, a staff.Actor, id string, version int64, code, number string, now time.Time) (Inspection, error) {
	number, err := casework.ParseNumber(number)
	if err != nil {
		return Inspection{}, fault.New(fault.Invalid, "campaign.incomplete").With("case", "campaign.case")
	}
	return s.changeInspection(ctx, a, id, version, "follow_up", now, func(_ *journal.Tx, i *Inspection) error {
		n := slices.IndexFunc(i.Sites, func(x Site) bool { return x.Code == code })
		switch {
		case a.Org.ID != i.Org:
			return fault.New(fault.Forbidden, "staff.can.org")
		case n < 0:
			return fault.New(fault.Invalid, "campaign.incomplete").With("site", "campaign.choice")
		case i.Stage != Underway && i.Stage != Finished || len(i.Sites[n].Findings) == 0:
			return errStep
		}
		i.Sites[n].Case = number
		return nil
	})
}

// Finish ends it (the leading organisation): every organisation that takes part
// has said what it found everywhere, and what has to be followed up is.
func (s *Store) Finish(ctx context.Context, a staff.Actor, id string, version int64, now time.Time) (Inspection, error) {
	return s.changeInspection(ctx, a, id, version, "finish", now, func(tx *journal.Tx, i *Inspection) error {
		switch {
		case a.Org.ID != i.Org:
			return fault.New(fault.Forbidden, "staff.can.org")
		case i.Stage != Underway:
			return errStep
		case len(i.Missing()) > 0:
			return fault.New(fault.Refused, "campaign.missing", len(i.Missing()))
		case len(i.Owed()) > 0:
			return fault.New(fault.Refused, "campaign.owed", len(i.Owed()))
		}
		i.Stage = Finished
		return s.tell(tx, *i, "finished", now)
	})
}

// OpenedInspection is an inspection with what was written for it.
type OpenedInspection struct {
	Inspection
	// People are who is sent, by organisation; Texts what was found, by site and
	// organisation.
	People map[string][]string
	Texts  map[string]map[string]string
	Steps  []string
}

// OpenInspection shows it to those who take part and those above; to everybody
// else it is not there. A department sees who comes and what was found by all: it
// is one inspection.
func (s *Store) OpenInspection(ctx context.Context, a staff.Actor, id string, now time.Time) (OpenedInspection, error) {
	i, err := one[Inspection](ctx, s.store, nil, s.store.key("inspection", id))
	o := OpenedInspection{Inspection: i, People: map[string][]string{}, Texts: map[string]map[string]string{}}
	if err != nil {
		return o, err
	}
	if err := s.views(a, i, now); err != nil {
		return o, err
	}
	if err := tied(a, i.Sites...); err != nil {
		return o, err
	}
	key, err := s.safe.Open(ctx, i.Key)
	if err != nil {
		if errors.Is(err, seal.ErrErased) {
			return o, nil
		}
		return o, err
	}
	people, err := s.store.people(ctx, id)
	if err != nil {
		return o, err
	}
	for org, text := range people {
		if o.People[org], err = liaison.Unseal[[]string](key, text); err != nil {
			return o, err
		}
	}
	for _, site := range i.Sites {
		o.Texts[site.Code] = map[string]string{}
		for org, f := range site.Findings {
			if o.Texts[site.Code][org], err = liaison.Unseal[string](key, f.Text); err != nil {
				return o, err
			}
		}
	}
	if s.takes(a, i, now) != nil {
		return o, nil
	}
	leads := a.Org.ID == i.Org
	switch i.Stage {
	case Invited:
		if i.part(a.Org.ID) >= 0 {
			o.Steps = append(o.Steps, "join")
		}
		if leads {
			o.Steps = append(o.Steps, "begin", "cancel")
		}
	case Ready:
		if leads {
			o.Steps = append(o.Steps, "begin", "cancel")
		}
	case Underway:
		if slices.Contains(i.Taking(), a.Org.ID) {
			o.Steps = append(o.Steps, "find")
		}
		if leads {
			o.Steps = append(o.Steps, "follow-up", "finish", "cancel")
		}
	case Finished:
		if leads {
			o.Steps = append(o.Steps, "follow-up")
		}
	}
	return o, nil
}

// Inspections lists those the actor may see, the latest first.
func (s *Store) Inspections(ctx context.Context, a staff.Actor, stage Stage, now time.Time) ([]Inspection, error) {
	if !a.May(staff.CampaignManage, now) && !a.May(staff.NotifiedReply, now) {
		return nil, fault.New(fault.Forbidden, "staff.can.role")
	}
	list, err := all[Inspection](ctx, s.store, "inspections", func(id string) string { return s.store.key("inspection", id) })
	return slices.DeleteFunc(list, func(i Inspection) bool {
		return stage != "" && i.Stage != stage || s.views(a, i, now) != nil || tied(a, i.Sites...) != nil
	}), err
}
