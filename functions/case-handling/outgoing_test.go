package function

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"ipcredit/shared/courier"
	"ipcredit/shared/page"
)

const notifyKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestGatewayAddressIsHTTPSOrInside(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		address, allow string
		ok             bool
	}{
		{"", "", true},
		{"https://sms.example.com/hook", "", true},
		{"http://sms.example.com/hook", "", false},
		{"http://10.20.1.1/hook", "", false},
		{"http://10.20.1.1/hook", "10.20.0.0/16", true},
		{"http://10.21.1.1/hook", "10.20.0.0/16", false},
		{"http://1.1.1.1/hook", "0.0.0.0/0", false},
		{"https://user:word@sms.example.com/", "", false},
		{"ftp://sms.example.com/", "", false},
		{"https://sms.example.com/", "10.20.0.0", false},
	} {
		if _, err := newGateway(tt.address, tt.allow, notifyKey, ""); (err == nil) != tt.ok {
			t.Errorf("%q %q: %v", tt.address, tt.allow, err)
		}
	}
	if _, err := newGateway("https://sms.example.com/", "", "no base64 !", ""); err == nil || strings.Contains(err.Error(), "no base64 !") {
		t.Errorf("a key that is none: %v", err)
	}
}

func TestGatewayIsToldWhomAndNothingElse(t *testing.T) {
	t.Parallel()
	now := time.Now() // signatures are good for minutes only
	status := http.StatusOK
	var body []byte
	verify, err := webhooks.NewWebhook(notifyKey)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		if err := verify.Verify(body, r.Header); err != nil || r.Header.Get("webhook-id") != "01TEST" {
			t.Errorf("signature: %v", err)
		}
		if status == http.StatusFound {
			w.Header().Set("Location", "http://127.0.0.1:1/")
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	g, err := newGateway(server.URL, "127.0.0.0/8", notifyKey, "https://credit.example.com/function/report-intake/track")
	if err != nil {
		t.Fatal(err)
	}
	p := courier.Parcel{ID: "01TEST", Number: "482109375516", Kind: courier.News}
	for s, want := range map[int]string{http.StatusOK: "", http.StatusNoContent: "", http.StatusFound: courier.WhyRefused, http.StatusInternalServerError: courier.WhyRefused} {
		status = s
		if why := g.tell(t.Context(), p, "19900000001", page.ZH, now); why != want {
			t.Errorf("%d: %q, want %q", s, why, want)
		}
	}
	var got event
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	want := eventData{"482109375516", "19900000001", "zh-CN", page.Say(page.ZH, "courier.text.news", "482109375516"), g.public}
	if got.Type != "tip-off.news" || got.Data != want {
		t.Errorf("%+v", got)
	}
	server.Close()
	if why := g.tell(t.Context(), p, "19900000001", page.ZH, now); why != courier.WhyAway {
		t.Errorf("away: %q", why)
	}
}
