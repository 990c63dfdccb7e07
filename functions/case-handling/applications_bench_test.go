package function

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

// BenchmarkLinkagePages draws the pages of a city with 50,000 notified
// applications, four at a time where -cpu 4 is given.
func BenchmarkLinkagePages(b *testing.B) {
	c := newCity(b, redistest.Real(b))
	rows := make([]map[string]string, 0, 50_000)
	divisions := []string{"410702", "410711", "410771", "410772", "410783"}
	for i := range 50_000 {
		values := notifiedRow(i+1, "list", "2026年第"+strconv.Itoa(i%40+1)+"批", "division", divisions[i%5], "agency", "41"+strconv.Itoa(900+i%100))
		if i%10 != 0 {
			values["state"], values["stateOn"] = "已撤回", "2026-05-19"
		}
		rows = append(rows, values)
	}
	c.notified(rows...)
	token := c.signIn("lead.supervisor")
	for name, path := range map[string]string{
		"lists": "/applications", "divisions": "/applications?by=division", "agencies": "/applications?by=agency", "pending": "/applications/items", "groups": "/applications/groups",
	} {
		b.Run(name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r := httptest.NewRequest(http.MethodGet, c.public+prefix+path, nil)
					r.RequestURI = ""
					r.Header.Set("Accept", "text/html")
					r.Header.Set("Cookie", staff.CookiePlain+"="+token)
					w, err := http.DefaultTransport.RoundTrip(r)
					if err != nil || w.StatusCode != http.StatusOK {
						b.Error(err, w)
						return
					}
					_ = w.Body.Close()
				}
			})
		})
	}
}
