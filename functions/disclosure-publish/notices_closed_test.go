package function

import (
	"net/http"
	"strings"
	"testing"

	"ipcredit/shared/browsertest"
)

// discarded is a notice that was thrown away and whose key was erased by the tick a
// year later.
func (b *bureau) discarded() string {
	b.t.Helper()
	_, to := b.as("lead.handler", "/notices", penaltyForm())
	id := noticeAddress.FindStringSubmatch(to)[1]
	if status, page := b.step("lead.handler", id, "discard"); status != http.StatusSeeOther {
		b.t.Fatalf("%d %s", status, page)
	}
	b.tick()
	if _, page := b.as("lead.handler", "/notices/"+id, nil); !strings.Contains(page, firmName) {
		b.t.Fatalf("erased at once: %s", page)
	}
	b.to("2027-05-12")
	b.tick()
	return id
}

func TestANoticeWhoseContentIsErasedSaysWhoAndWhenAndNothingElse(t *testing.T) {
	b := newBureau(t, "2026-05-11 10:00:00")
	id := b.discarded()
	status, page := b.as("lead.handler", "/notices/"+id, nil)
	if status != http.StatusOK || !strings.Contains(page, "2027年5月12日") || !strings.Contains(page, "已作废") || strings.Contains(page, firmName) || strings.Contains(page, "/print") {
		t.Errorf("%d %s", status, page)
	}
	if status, page := b.as("lead.handler", "/notices/"+id+"?lang=en", nil); status != http.StatusOK || !strings.Contains(page, "content erased") {
		t.Errorf("%d %s", status, page)
	}
	if status, _ := b.as("lead.handler", "/notices/"+id+"/print", nil); status != http.StatusGone {
		t.Errorf("printed: %d", status)
	}
	if _, page := b.as("lead.handler", "/notices", nil); !strings.Contains(page, "内容已删除") || strings.Contains(page, firmName) {
		t.Errorf("%s", page)
	}
	if status, _ := b.as("hongqi.handler", "/notices/"+id, nil); status != http.StatusForbidden {
		t.Errorf("another division: %d", status)
	}
}

func TestPagesOfErasedNoticesAreAccessible(t *testing.T) {
	br := browsertest.New(t)
	b := newBureau(t, "2026-05-11 10:00:00")
	id := b.discarded()
	b.looked(t, br, map[string]string{"notice-erased": "/notices/" + id, "notices-erased": "/notices", "notice-form-listing": "/notices/new?kind=determination"})
}
