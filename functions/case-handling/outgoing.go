package function

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ipcredit/shared/courier"
	"ipcredit/shared/outgoing"
	"ipcredit/shared/page"
)

// gateway is the city's SMS or mail gateway; the zero one is none.
type gateway struct {
	url    string
	sign   courier.Signer
	client *outgoing.Client
	public string // the page that reporters are told to go to
}

const longestCall = 8 * time.Second

// newGateway reads the settings: notify_url, and outgoing_allow with networks
// inside that may be called. The address is https unless it lies in such a
// network, for the message names whom to tell.
func newGateway(address, allow, secret, public string) (gateway, error) {
	if address == "" {
		return gateway{}, nil
	}
	guard, err := outgoing.NewGuard(allow)
	if err != nil {
		return gateway{}, fmt.Errorf("case-handling: outgoing_allow: %w", err)
	}
	if err := guard.Check(address); err != nil {
		return gateway{}, fmt.Errorf("case-handling: notify_url: %w", err)
	}
	sign, err := courier.NewSigner(secret)
	if err != nil {
		return gateway{}, fmt.Errorf("case-handling: notify-key: %w", err)
	}
	return gateway{address, sign, guard.Client(longestCall), public}, nil
}

// event is the body of a call (Standard Webhooks 1.0): whom to tell, and words
// that say nothing of what it is about.
type event struct {
	Type      string    `json:"type"`
	Timestamp string    `json:"timestamp"`
	Data      eventData `json:"data"`
}

type eventData struct {
	ReportNo string `json:"reportNo"`
	Contact  string `json:"contact"`
	Language string `json:"language"`
	Text     string `json:"text"`
	URL      string `json:"url"`
}

// tell hands the gateway one message and returns why it failed, "" when it did
// not. Neither the address nor what was answered is logged: both may repeat the
// contact.
func (g gateway) tell(ctx context.Context, p courier.Parcel, contact string, lang page.Lang, now time.Time) string {
	body, err := json.Marshal(event{
		Type: "tip-off." + string(p.Kind), Timestamp: now.UTC().Format(time.RFC3339),
		Data: eventData{p.Number, contact, lang.Tag(), page.Say(lang, "courier.text."+string(p.Kind), p.Number), g.public},
	})
	if err != nil {
		return courier.WhyRefused
	}
	headers, err := g.sign.Headers(p.ID, now, body)
	if err != nil {
		return courier.WhyRefused
	}
	answer, err := g.client.Post(ctx, g.url, headers, bytes.NewReader(body), now)
	switch {
	case errors.Is(err, outgoing.ErrPrivate):
		return courier.WhyPrivate
	case err != nil:
		return courier.WhyAway
	case !answer.Taken():
		return courier.WhyRefused
	}
	return ""
}
