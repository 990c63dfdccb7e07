package function

import (
	"context"
	"net/http"
	"slices"
	"time"

	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// place is a page of another function that somebody has work on. The desk shows it
// to whom that function would show the page; only that function decides.
type place struct {
	function, path, key string
	to                  func(sight) bool
}

// sight is what decides whether a place is shown.
type sight struct {
	staff.Actor
	at    time.Time
	city  string
	units func(staff.Action) bool // sees the matters of any unit, own or entrusted to him
}

func (s sight) any(actions ...staff.Action) bool {
	return slices.ContainsFunc(actions, func(a staff.Action) bool { return s.May(a, s.at) })
}

func (s sight) can(action staff.Action, division string) bool {
	return staff.Can(s.Actor, action, staff.Resource{Division: division}, s.at) == nil
}

func (s sight) kind(kinds ...staff.Kind) bool { return slices.Contains(kinds, s.Org.Kind) }

// bureau tells whether tip-offs are handled where the person works.
func (s sight) bureau() bool {
	return s.kind(staff.LeadBureau, staff.DistrictBureau, staff.SubOffice, staff.ZoneAdministration, staff.Discipline)
}

// cases tells whether the person sees cases: not in discipline inspection, and not in
// a department, which sees what it was notified of.
func (s sight) cases() bool {
	return s.kind(staff.SubOffice) || s.unitsCases()
}

func (s sight) unitsCases() bool {
	return !s.kind(staff.Discipline) && (s.units(staff.CaseRead) || s.units(staff.CaseSupervise))
}

func (s sight) shares() bool {
	own := staff.Resource{Unit: s.Org.ID}
	return s.can(staff.ShareManage, s.Org.Division()) || s.can(staff.ExportMake, s.Org.Division()) ||
		slices.Contains(staff.FitsScopes(s.Org.Kind), staff.ScopeShare) && staff.Can(s.Actor, staff.ShareAnswer, own, s.at) == nil
}

// places are in the order of the desk.
var places = []place{
	{"case-handling", "/day", "day", func(s sight) bool {
		return s.units(staff.CaseRead) || s.units(staff.CaseSupervise) || s.units(staff.TipoffClock) || s.kind(staff.SubOffice) && s.any(staff.CaseRead)
	}},
	{"case-handling", "/", "tip-offs", func(s sight) bool {
		return s.bureau() && (s.units(staff.TipoffClock) || s.units(staff.TipoffOpen))
	}},
	{"case-handling", "/identities", "identities", func(s sight) bool { return s.bureau() && s.any(staff.IdentityOpen) }},
	{"case-handling", "/cases", "cases", sight.cases},
	{"case-handling", "/applications", "applications", func(s sight) bool { return s.unitsCases() || s.any(staff.ReportRead) }},
	{"case-handling", "/notices", "notices", func(s sight) bool {
		return !s.kind(staff.Discipline, staff.Subject) && s.any(staff.NoticeDraft, staff.NoticeApprove, staff.CaseSupervise, staff.NotifiedReply)
	}},
	{"case-handling", "/inquiries", "inquiries", func(s sight) bool { return s.any(staff.LookupPurpose) && !s.kind(staff.CreditService) }},
	{"disclosure-publish", "/notices", "disclosures", func(s sight) bool {
		return s.units(staff.NoticeDraft) || s.units(staff.NoticeApprove) || s.units(staff.NoticePublish) || s.units(staff.RecordRead)
	}},
	{"disclosure-publish", "/objections", "objections", func(s sight) bool {
		return !s.kind(staff.Discipline, staff.Subject) && (s.units(staff.ObjectionCheck) || s.units(staff.ObjectionRule) || s.units(staff.RecordRead))
	}},
	{"credit-repair", "/desk", "repairs", func(s sight) bool {
		return !s.kind(staff.Discipline, staff.Subject) && (s.units(staff.RepairAccept) || s.units(staff.RepairDecide) || s.units(staff.RecordRead))
	}},
	{"disclosure-publish", "/catalog/desk", "catalog", func(s sight) bool {
		return s.can(staff.CatalogEdit, s.city) || s.can(staff.CatalogApprove, s.city)
	}},
	{"credit-share", "/", "sharing", sight.shares},
	{"summary-report", "/", "summary", func(s sight) bool { return s.any(staff.ReportRead) }},
	{"material-intake", "/", "material-intake", func(s sight) bool { return s.any(staff.RecordImport) }},

	{"credit-repair", "/records", "records", subject},
	{"credit-repair", "/materials", "materials", subject},
	{"credit-repair", "/applications", "my-repairs", subject},
	{"credit-repair", "/objections", "my-objections", subject},
	{"credit-repair", "/promises", "promises", subject},
	{"credit-repair", "/queries", "queries", subject},
}

func subject(s sight) bool { return s.kind(staff.Subject) && s.any(staff.SubjectRead) }

// work lists the pages of the other functions in which the actor has something to do.
func (d *desk) work(ctx context.Context, r *http.Request, a staff.Actor) ([]link, error) {
	var failed error
	s := sight{Actor: a, at: d.now(), city: d.site.City, units: func(action staff.Action) bool {
		units, err := d.staff.Units(ctx, a, action, d.now())
		if err != nil {
			failed = err
		}
		return len(units) > 0
	}}
	var out []link
	for _, p := range places {
		if page.Offers(p.function) && p.to(s) {
			out = append(out, link{Href: d.pages.URL(r, p.function+p.path), Key: "staff-session.work." + p.key})
		}
	}
	return out, failed
}
