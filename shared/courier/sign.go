package courier

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Signer signs what the gateway is told (Standard Webhooks 1.0, symmetric), so
// that it can tell our calls from anybody's.
type Signer struct{ hook *webhooks.Webhook }

// NewSigner reads a key, "whsec_" and base64. The error does not quote it.
func NewSigner(secret string) (Signer, error) {
	hook, err := webhooks.NewWebhook(secret)
	if err != nil {
		return Signer{}, errors.New("courier: the key is not whsec_ and base64")
	}
	return Signer{hook}, nil
}

// Headers are the headers that go with the body. The id stays the same over all
// tries of a parcel.
func (s Signer) Headers(id string, now time.Time, body []byte) (map[string]string, error) {
	signature, err := s.hook.Sign(id, now, body)
	if err != nil {
		return nil, fmt.Errorf("courier: signing: %w", err)
	}
	return map[string]string{
		webhooks.HeaderWebhookID: id, webhooks.HeaderWebhookTimestamp: strconv.FormatInt(now.Unix(), 10), webhooks.HeaderWebhookSignature: signature,
	}, nil
}
