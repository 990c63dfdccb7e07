package function

import (
	"net/http"
	"strconv"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

type userPage struct {
	base
	User staff.User
	Org  staff.Organization
	Held []grantView
	// What the actor may do about this user.
	MayGrant, MayReset, MayDisable, MayEmploy bool
	RoleOptions, DivisionOptions              []option
	// Second says that it takes a second person, Vouched that this is the head
	// of discipline inspection.
	Second, Vouched bool
	// The order that a form is for.
	Kind         staff.OrderKind
	Role         staff.Role
	Division     string
	DivisionName string
}

type grantView struct {
	staff.Grant
	Name  string // of the division
	Ended bool
}

func (d *desk) userOf(r *http.Request, a staff.Actor) (*userPage, error) {
	now, id := d.now(), r.PathValue("id")
	if err := staff.Can(a, staff.UserRead, staff.Resource{}, now); err != nil {
		return nil, err
	}
	b, err := d.base(r, a)
	if err != nil {
		return nil, err
	}
	p := &userPage{base: b}
	if p.User, err = d.staff.User(r.Context(), id); err != nil {
		return nil, err
	}
	if p.Org, err = d.staff.Organization(r.Context(), p.User.Org); err != nil {
		return nil, err
	}
	for _, g := range p.User.Grants {
		p.Held = append(p.Held, grantView{g, divisionName(g.Division), !g.In(now)})
	}
	other := id != a.User.ID
	p.MayGrant, p.MayReset, p.MayDisable = other && a.May(staff.UserGrant, now), other && a.May(staff.UserReset, now), other && a.May(staff.UserDisable, now)
	p.MayEmploy = other && a.May(staff.UserCreate, now)
	p.RoleOptions = roleOptions(fn.Lang(r), staff.FitsKind(p.Org.Kind))
	p.DivisionOptions = divisionOptions(beneath(p.Org.Divisions))
	p.Second = staff.NeedsSecond(staff.Order{Kind: staff.OrderReset}, p.User, p.Org)
	p.Vouched = p.Org.Kind == staff.Discipline
	return p, nil
}

func (d *desk) userPage(r *http.Request, a staff.Actor) (data, error) { return d.userOf(r, a) }

// orderPage asks for what one order needs, and always for a reason.
func (d *desk) orderPage(r *http.Request, a staff.Actor) (data, error) {
	p, err := d.userOf(r, a)
	if err != nil {
		return nil, err
	}
	p.Kind, p.Role, p.Division = staff.OrderKind(r.FormValue("kind")), staff.Role(r.FormValue("role")), r.FormValue("division")
	p.DivisionName = divisionName(p.Division)
	if !page.Has("staff.order."+string(p.Kind)) || p.Kind == staff.OrderRevoke && !page.Has("staff.role."+string(p.Role)) {
		return nil, fault.New(fault.NotFound, "staff.order.kind")
	}
	p.Second = staff.NeedsSecond(staff.Order{Kind: p.Kind, Role: p.Role}, p.User, p.Org)
	return p, nil
}

func (d *desk) order(r *http.Request, a staff.Actor) (reply, error) {
	o := staff.Order{
		Kind: staff.OrderKind(r.PostFormValue("kind")), User: r.PathValue("id"), Role: staff.Role(r.PostFormValue("role")),
		Division: r.PostFormValue("division"), Span: span(r), Reason: r.PostFormValue("reason"),
	}
	out, err := d.staff.Do(r.Context(), a, o, d.now())
	if err != nil {
		return nil, err
	}
	return d.outcome(r, out, o)
}

// outcome replies with what came of an order.
func (d *desk) outcome(r *http.Request, out staff.Outcome, o staff.Order) (reply, error) {
	switch {
	case out.Proposal != nil:
		return d.after("staff.propose", ""), nil
	case out.OneTime == "":
		return d.after("staff.order_"+string(o.Kind), o.User), nil
	}
	u, err := d.staff.User(r.Context(), o.User)
	return d.handPassword("reset", u, out.OneTime), err
}

func (d *desk) setEmployer(r *http.Request, a staff.Actor) (reply, error) {
	id := r.PathValue("id")
	employer, err := readEmployer(r)
	if err != nil {
		return nil, err
	}
	return d.after("staff.employer", id), d.staff.SetEmployer(r.Context(), a, id, employer, d.now())
}

// readEmployer reads the employer of somebody who is only lent to his
// organisation.
func readEmployer(r *http.Request) (staff.Party, error) {
	code, err := readOptional("employerCode", r.PostFormValue("employerCode"))
	return staff.Party{Name: r.PostFormValue("employer"), Code: code}, err
}

func (d *desk) dropTie(r *http.Request, a staff.Actor) (reply, error) {
	id := r.PathValue("id")
	n, err := strconv.Atoi(r.PostFormValue("tie"))
	if err != nil {
		return nil, fault.New(fault.Invalid, "staff-session.form").Because(err)
	}
	return d.after("staff.tie_drop", id), d.staff.DropTie(r.Context(), a, id, n, d.now())
}

type newUserPage struct {
	base
	Org staff.Organization
}

func (d *desk) newUserPage(r *http.Request, a staff.Actor) (data, error) {
	if err := staff.Can(a, staff.UserCreate, staff.Resource{}, d.now()); err != nil {
		return nil, err
	}
	b, err := d.base(r, a)
	if err != nil {
		return nil, err
	}
	o, err := d.staff.Organization(r.Context(), r.FormValue("org"))
	return &newUserPage{b, o}, err
}

func (d *desk) createUser(r *http.Request, a staff.Actor) (reply, error) {
	employer, err := readEmployer(r)
	if err != nil {
		return nil, err
	}
	u, password, err := d.staff.CreateUser(r.Context(), a, staff.NewUser{
		Org: r.PostFormValue("org"), Username: r.PostFormValue("username"), Name: r.PostFormValue("name"), Employer: employer,
	}, d.now())
	return d.handPassword("user", u, password), err
}

// handedPage shows a secret once, to be handed over.
type handedPage struct {
	base
	Title, Text   string
	Label, Secret string
	Username      string
	Back          string
}

func (d *desk) hand(p handedPage) reply {
	return func(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
		var err error
		if p.base, err = d.base(r, a); err != nil {
			return err
		}
		return d.pages.Show(w, r, http.StatusOK, "handed", &p)
	}
}

func (d *desk) handPassword(what string, u staff.User, password string) reply {
	return func(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
		lang, back := fn.Lang(r), d.pages.URL(r, "/users", u.ID)
		if !a.May(staff.UserRead, d.now()) {
			back = d.pages.URL(r, "/proposals")
		}
		return d.hand(handedPage{
			Title: page.Say(lang, "staff-session.handed."+what, u.Name), Text: page.Say(lang, "staff-session.handed.password_text"),
			Label: page.Say(lang, "staff-session.handed.password"), Secret: password, Username: u.Username, Back: back,
		})(w, r, a)
	}
}
