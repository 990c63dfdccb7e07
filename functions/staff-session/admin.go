package function

import (
	"net/http"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

type organizationsPage struct {
	base
	Groups    []organizationGroup
	MayManage bool
	Find      string
	// For the form of a new one.
	KindOptions, DivisionOptions, ParentOptions []option
}

type organizationGroup struct {
	Kind staff.Kind
	Orgs []organizationView
}

type organizationView struct {
	staff.Organization
	Division string
}

func (d *desk) organizationsPage(r *http.Request, a staff.Actor) (organizationsPage, error) {
	var p organizationsPage
	var err error
	now, lang := d.now(), fn.Lang(r)
	if err = staff.Can(a, staff.UserRead, staff.Resource{}, now); err != nil {
		return p, err
	}
	if p.base, err = d.base(r, a); err != nil {
		return p, err
	}
	all, err := d.staff.Organizations(r.Context(), false)
	if err != nil {
		return p, err
	}
	for _, o := range all {
		if n := len(p.Groups); n == 0 || p.Groups[n-1].Kind != o.Kind {
			p.Groups = append(p.Groups, organizationGroup{Kind: o.Kind})
		}
		g := &p.Groups[len(p.Groups)-1]
		g.Orgs = append(g.Orgs, organizationView{o, divisionName(o.Division())})
		if o.Kind == staff.LeadBureau || o.Kind == staff.DistrictBureau {
			p.ParentOptions = append(p.ParentOptions, option{Value: o.ID, Text: o.Name})
		}
	}
	p.MayManage = a.May(staff.OrgManage, now)
	for _, k := range staff.Kinds() {
		if k != staff.Subject {
			p.KindOptions = append(p.KindOptions, option{Value: string(k), Text: page.Say(lang, "staff.kind."+string(k))})
		}
	}
	for _, dist := range staff.Districts() {
		p.DivisionOptions = append(p.DivisionOptions, option{Value: dist.Code, Text: divisionName(dist.Code)})
	}
	return p, nil
}

// organizations lists the administration's organisations. Subjects may be as
// many as there are firms: one is found by its code.
func (d *desk) organizations(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.organizationsPage(r, a)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if find := r.URL.Query().Get("code"); find != "" {
		p.Find = find
		code, err := readCode("code", find)
		if err == nil {
			o, ok, oerr := d.staff.OrganizationByCode(r.Context(), code)
			if oerr != nil {
				return oerr
			}
			if ok {
				d.see(w, r, "/organizations", o.ID)
				return nil
			}
			err = fault.New(fault.NotFound, "staff.org.none").With("code", "staff.org.none")
		}
		if status, err = d.refused(w, r, &p.base, err); err != nil {
			return err
		}
	}
	return d.pages.Show(w, r, status, "organizations", p)
}

func (d *desk) organizationForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := staff.Can(a, staff.OrgManage, staff.Resource{}, d.now()); err != nil {
		return err
	}
	p, err := d.organizationsPage(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "organization-new", p)
}

func (d *desk) createOrganization(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	o := staff.Organization{Kind: staff.Kind(r.PostFormValue("kind")), Name: r.PostFormValue("name"),
		Parent: r.PostFormValue("parent"), Divisions: r.PostForm["division"]}
	var err error
	if code := r.PostFormValue("code"); code != "" {
		o.Code, err = readCode("code", code)
	}
	if err == nil {
		o, err = d.staff.CreateOrganization(r.Context(), a, o, d.now())
	}
	if err == nil {
		return d.done(w, r, "organization", "/organizations", o.ID)
	}
	p, perr := d.organizationsPage(r, a)
	if perr != nil {
		return perr
	}
	status, err := d.refused(w, r, &p.base, err)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, status, "organization-new", p)
}

func (d *desk) closeOrganization(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := d.staff.CloseOrganization(r.Context(), a, r.PathValue("id"), d.now()); err != nil {
		return err
	}
	return d.done(w, r, "closed", "/organizations", r.PathValue("id"))
}

type userPage struct {
	base
	User staff.User
	Org  staff.Organization
	Held []grantView
	// Orders are those the actor may give.
	MayGrant, MayReset, MayDisable bool
	RoleOptions, DivisionOptions   []option
	Second                         bool // an order about this person needs a second administrator
	// The order that a form is for.
	Kind     staff.OrderKind
	Role     staff.Role
	Division string
}

type grantView struct {
	staff.Grant
	Name  string // of the division
	Ended bool
}

func (d *desk) userPage(r *http.Request, a staff.Actor, id string) (userPage, error) {
	var p userPage
	var err error
	now := d.now()
	if err = staff.Can(a, staff.UserRead, staff.Resource{}, now); err != nil {
		return p, err
	}
	if p.base, err = d.base(r, a); err != nil {
		return p, err
	}
	if p.User, err = d.staff.User(r.Context(), id); err != nil {
		return p, err
	}
	if p.Org, err = d.staff.Organization(r.Context(), p.User.Org); err != nil {
		return p, err
	}
	for _, g := range p.User.Grants {
		p.Held = append(p.Held, grantView{g, divisionName(g.Division), !g.In(now)})
	}
	other := id != a.User.ID
	p.MayGrant, p.MayReset, p.MayDisable = other && a.May(staff.UserGrant, now), other && a.May(staff.UserReset, now), other && a.May(staff.UserDisable, now)
	p.RoleOptions = roleOptions(fn.Lang(r), staff.FitsKind(p.Org.Kind))
	p.DivisionOptions = divisionOptions(beneath(p.Org.Divisions))
	p.Second = staff.NeedsSecond(staff.Order{Kind: staff.OrderReset}, p.User)
	return p, nil
}

func (d *desk) user(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.userPage(r, a, r.PathValue("id"))
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "user", p)
}

type newUserPage struct {
	base
	Org staff.Organization
}

func (d *desk) newUserPage(r *http.Request, a staff.Actor, org string) (newUserPage, error) {
	var p newUserPage
	var err error
	if err = staff.Can(a, staff.UserCreate, staff.Resource{}, d.now()); err != nil {
		return p, err
	}
	if p.base, err = d.base(r, a); err != nil {
		return p, err
	}
	p.Org, err = d.staff.Organization(r.Context(), org)
	return p, err
}

func (d *desk) userForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.newUserPage(r, a, r.URL.Query().Get("org"))
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "user-new", p)
}

// handedPage shows a secret once, to be handed over.
type handedPage struct {
	base
	Title, Text, Secret string
	Username            string
	Back                string
}

func (d *desk) hand(w http.ResponseWriter, r *http.Request, a staff.Actor, p handedPage) error {
	var err error
	if p.base, err = d.base(r, a); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "handed", p)
}

func (d *desk) createUser(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	lang := fn.Lang(r)
	u, password, err := d.staff.CreateUser(r.Context(), a, staff.NewUser{
		Org: r.PostFormValue("org"), Username: r.PostFormValue("username"), Name: r.PostFormValue("name"),
	}, d.now())
	if err == nil {
		return d.hand(w, r, a, handedPage{
			Title: page.Say(lang, "staff-session.handed.user", u.Name), Text: page.Say(lang, "staff-session.handed.password_text"),
			Secret: password, Username: u.Username, Back: d.pages.URL(r, "/users", u.ID),
		})
	}
	p, perr := d.newUserPage(r, a, r.PostFormValue("org"))
	if perr != nil {
		return perr
	}
	status, err := d.refused(w, r, &p.base, err)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, status, "user-new", p)
}

// orderForm asks for what one order needs, and always for a reason.
func (d *desk) orderForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.showOrder(w, r, a, nil)
}

func (d *desk) showOrder(w http.ResponseWriter, r *http.Request, a staff.Actor, cause error) error {
	p, err := d.userPage(r, a, r.PathValue("id"))
	if err != nil {
		return err
	}
	p.Kind, p.Role, p.Division = staff.OrderKind(r.FormValue("kind")), staff.Role(r.FormValue("role")), r.FormValue("division")
	if !page.Has("staff.order."+string(p.Kind)) || p.Kind == staff.OrderRevoke && !page.Has("staff.role."+string(p.Role)) {
		return fault.New(fault.NotFound, "staff.order.kind")
	}
	if p.Kind == staff.OrderGrant || p.Kind == staff.OrderRevoke {
		p.Second = staff.NeedsSecond(staff.Order{Kind: p.Kind, Role: p.Role}, p.User)
	}
	status := http.StatusOK
	if cause != nil {
		if status, err = d.refused(w, r, &p.base, cause); err != nil {
			return err
		}
	}
	return d.pages.Show(w, r, status, "order", p)
}

func (d *desk) order(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	id := r.PathValue("id")
	var err error
	var out staff.Outcome
	if tie := r.PostFormValue("tie"); tie != "" {
		err = d.staff.DropTie(r.Context(), a, id, number(tie), d.now())
	} else {
		out, err = d.staff.Do(r.Context(), a, staff.Order{
			Kind: staff.OrderKind(r.PostFormValue("kind")), User: id, Role: staff.Role(r.PostFormValue("role")),
			Division: r.PostFormValue("division"), Span: span(r), Reason: r.PostFormValue("reason"),
		}, d.now())
	}
	if err == nil {
		return d.outcome(w, r, a, out, id)
	}
	return d.showOrder(w, r, a, err)
}

// outcome shows what came of an order.
func (d *desk) outcome(w http.ResponseWriter, r *http.Request, a staff.Actor, out staff.Outcome, user string) error {
	switch {
	case out.Proposal != nil:
		return d.done(w, r, "proposed", "/proposals")
	case out.OneTime != "":
		u, err := d.staff.User(r.Context(), user)
		if err != nil {
			return err
		}
		lang := fn.Lang(r)
		return d.hand(w, r, a, handedPage{
			Title: page.Say(lang, "staff-session.handed.reset", u.Name), Text: page.Say(lang, "staff-session.handed.password_text"),
			Secret: out.OneTime, Username: u.Username, Back: d.pages.URL(r, "/users", u.ID),
		})
	}
	return d.done(w, r, "order", "/users", user)
}

type proposalsPage struct {
	base
	Proposals []proposalView
	MayDecide bool
}

type proposalView struct {
	staff.Proposal
	ByName   string
	Division string
	Own      bool // proposed by the actor, or about him
}

func (d *desk) proposals(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	list, err := d.staff.Proposals(r.Context(), a, d.now())
	if err != nil {
		return err
	}
	b, err := d.base(r, a)
	if err != nil {
		return err
	}
	p := proposalsPage{base: b, MayDecide: a.May(staff.UserDisable, d.now())}
	for _, pr := range list {
		v := proposalView{Proposal: pr, Own: pr.By == a.User.ID || pr.Order.User == a.User.ID, Division: divisionName(pr.Order.Division)}
		by, err := d.staff.User(r.Context(), pr.By)
		if err != nil {
			return err
		}
		v.ByName = by.Name
		p.Proposals = append(p.Proposals, v)
	}
	return d.pages.Show(w, r, http.StatusOK, "proposals", p)
}

func (d *desk) decide(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	id := r.PathValue("id")
	if r.PostFormValue("decision") != "confirm" {
		if err := d.staff.Withdraw(r.Context(), a, id, d.now()); err != nil {
			return err
		}
		return d.done(w, r, "withdrawn", "/proposals")
	}
	user, err := d.staff.ProposalUser(r.Context(), id)
	if err != nil {
		return err
	}
	out, err := d.staff.Confirm(r.Context(), a, id, d.now())
	if err != nil {
		return err
	}
	return d.outcome(w, r, a, out, user)
}

type keysPage struct {
	base
	Keys                      []keyView
	MayManage                 bool
	OrgOptions, ScopesOptions []option
	Overlap                   int
}

type keyView struct {
	staff.Key
	OrgName string
	Works   bool
}

func (d *desk) keysPage(r *http.Request, a staff.Actor) (keysPage, error) {
	var p keysPage
	var err error
	lang, now := fn.Lang(r), d.now()
	list, err := d.staff.Keys(r.Context(), a, now)
	if err != nil {
		return p, err
	}
	if p.base, err = d.base(r, a); err != nil {
		return p, err
	}
	orgs, err := d.staff.Organizations(r.Context(), false)
	if err != nil {
		return p, err
	}
	names := map[string]string{}
	for _, o := range orgs {
		names[o.ID] = o.Name
		if !o.Closed {
			p.OrgOptions = append(p.OrgOptions, option{Value: o.ID, Text: o.Name})
		}
	}
	for _, k := range list {
		if _, ok := names[k.Org]; !ok {
			o, err := d.staff.Organization(r.Context(), k.Org)
			if err != nil {
				return p, err
			}
			names[o.ID] = o.Name
		}
		p.Keys = append(p.Keys, keyView{k, names[k.Org], k.Works(now)})
	}
	for _, s := range staff.Scopes() {
		p.ScopesOptions = append(p.ScopesOptions, option{Value: string(s), Text: page.Say(lang, "staff.scope."+string(s)), Hint: string(s)})
	}
	p.MayManage = a.May(staff.KeyManage, now)
	p.Overlap = d.staff.Params()["key.overlap_days"].Value
	return p, nil
}

func (d *desk) keys(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.showKeys(w, r, a, nil)
}

func (d *desk) showKeys(w http.ResponseWriter, r *http.Request, a staff.Actor, cause error) error {
	p, err := d.keysPage(r, a)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if cause != nil {
		if status, err = d.refused(w, r, &p.base, cause); err != nil {
			return err
		}
	}
	return d.pages.Show(w, r, status, "keys", p)
}

func (d *desk) handKey(w http.ResponseWriter, r *http.Request, a staff.Actor, k staff.Key, text string) error {
	lang := fn.Lang(r)
	return d.hand(w, r, a, handedPage{
		Title: page.Say(lang, "staff-session.handed.key", k.Name), Text: page.Say(lang, "staff-session.handed.key_text"),
		Secret: text, Back: d.pages.URL(r, "/keys"),
	})
}

func (d *desk) issueKey(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	order := staff.KeyOrder{Org: r.PostFormValue("org"), Name: r.PostFormValue("name"), Until: r.PostFormValue("until")}
	for _, s := range r.PostForm["scope"] {
		order.Scopes = append(order.Scopes, staff.Scope(s))
	}
	k, text, err := d.staff.IssueKey(r.Context(), a, order, d.now())
	if err != nil {
		return d.showKeys(w, r, a, err)
	}
	return d.handKey(w, r, a, k, text)
}

// changeKey rotates a key or revokes it.
func (d *desk) changeKey(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	if r.PostFormValue("do") == "revoke" {
		if err := d.staff.RevokeKey(r.Context(), a, r.PathValue("id"), d.now()); err != nil {
			return d.showKeys(w, r, a, err)
		}
		return d.done(w, r, "revoked", "/keys")
	}
	k, text, err := d.staff.RotateKey(r.Context(), a, r.PathValue("id"), r.PostFormValue("overlap"), d.now())
	if err != nil {
		return d.showKeys(w, r, a, err)
	}
	return d.handKey(w, r, a, k, text)
}
