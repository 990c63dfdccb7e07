package function

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/linkage"
	"ipcredit/shared/workday"
)

// answer is the fixed interface's answer about one cohort.
type answer struct {
	AsOf time.Time `json:"asOf"`
	linkage.Counts
	// Rate is a number cut off behind its fourth decimal, never rounded up; null
	// where nothing was notified, as is Reached.
	Rate    *float64 `json:"rate"`
	Reached *bool    `json:"reached"`
}

// asked are the parameters of the public interface; the reader's choices of
// language and text size may stand beside them.
var asked = []string{"district", "from", "to", "lang", "text"}

// rate is the withdrawal rate of a district, or of the city, of what was first
// notified in a time. Anybody may ask: it is one aggregate that names nobody.
func (d *desk) rate(w http.ResponseWriter, r *http.Request) error {
	w.Header()["Vary"] = []string{"Accept"}
	q := r.URL.Query()
	if fn.WantsHTML(r) {
		http.Redirect(w, r, d.pages.URL(r, "/", known(q, filters)), http.StatusSeeOther)
		return nil
	}
	for _, name := range sorted(q) {
		// A misspelt district must not be answered with the whole city.
		if !slices.Contains(asked, name) {
			return fault.New(fault.Invalid, "summary-report.parameter", name).With(name, "summary-report.parameter", name)
		}
	}
	f, err := cohort(q)
	if err != nil {
		return err
	}
	f.Kind = linkage.Patent
	counts, err := d.linkage.Counts(r.Context(), f)
	if err != nil {
		return err
	}
	now := d.env.Now()
	target, _, err := linkage.TargetOn(linkage.Rules{}, workday.DateOf(now))
	if err != nil {
		return err
	}
	a := answer{AsOf: now.UTC().Truncate(time.Second), Counts: counts, Rate: counts.Rate(), Reached: counts.Reached(target)}
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	if tag := a.tag(); r.Header.Get("If-None-Match") == tag {
		h.Set("ETag", tag)
		w.WriteHeader(http.StatusNotModified)
		return nil
	} else {
		h.Set("ETag", tag)
	}
	return fn.WriteJSON(w, http.StatusOK, a)
}

// tag changes with the figures and not with the time at which they are asked for.
func (a answer) tag() string {
	a.AsOf = time.Time{}
	data, err := json.Marshal(a)
	if err != nil {
		return `""`
	}
	sum := sha256.Sum256(data)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// cohort reads district, from and to, and names the parameter that is wrong.
func cohort(q url.Values) (linkage.Filter, error) {
	var f linkage.Filter
	for _, name := range []string{"district", "from", "to"} {
		if len(q[name]) > 1 {
			return f, fault.New(fault.Invalid, "summary-report.twice", name).With(name, "summary-report.twice", name)
		}
	}
	var err error
	if f.Division, err = district(q.Get("district")); err != nil {
		return f, err
	}
	for _, x := range []struct {
		name string
		into *workday.Date
	}{{"from", &f.From}, {"to", &f.To}} {
		value := strings.TrimSpace(q.Get(x.name))
		if value == "" {
			continue
		}
		if *x.into, err = workday.ParseDate(value); err != nil {
			refused, ok := fault.Of(err)
			if !ok {
				return f, err
			}
			return f, fault.New(fault.Invalid, refused.Code, refused.Args...).With(x.name, refused.Code, refused.Args...)
		}
	}
	if !f.From.IsZero() && !f.To.IsZero() && f.To.Before(f.From) {
		return f, fault.New(fault.Invalid, "summary-report.order", f.To.String(), f.From.String()).With("to", "summary-report.order", f.To.String(), f.From.String())
	}
	return f, nil
}

// district is the code of a division of the city; the city's own code, like none,
// is the sum of all.
func district(s string) (string, error) {
	if s = strings.TrimSpace(s); s == "" {
		return "", nil
	}
	area, err := ident.ParseArea(s)
	for err == nil && area.Successor != "" {
		next, ok := ident.AreaOf(area.Successor)
		if !ok {
			break
		}
		area = next
	}
	if err != nil || area.Kind == ident.Province {
		return "", fault.New(fault.Invalid, "summary-report.district").With("district", "summary-report.district")
	}
	if area.Kind == ident.City {
		return "", nil
	}
	return area.Code, nil
}

func sorted(q url.Values) []string {
	names := make([]string, 0, len(q))
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// known are the parameters of q that a page has.
func known(q url.Values, names []string) url.Values {
	out := url.Values{}
	for _, name := range names {
		if v := q.Get(name); v != "" {
			out.Set(name, v)
		}
	}
	return out
}

// percent writes part of whole in per cent with one decimal, cut off: 1799 of 1999
// is 89.9, never 90.0. Nothing of nothing is "".
func percent(part, whole int) string {
	if whole == 0 {
		return ""
	}
	tenths := part * 1000 / whole
	return fmt.Sprintf("%d.%d", tenths/10, tenths%10)
}
