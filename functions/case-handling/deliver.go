package function

import (
	"context"
	"errors"
	"time"

	"ipcredit/shared/courier"
	"ipcredit/shared/fault"
	"ipcredit/shared/page"
)

// deliverEach bounds one tick, so that it stays within a call's time.
const deliverEach = 20

// deliverTime is when a tick takes no further parcel.
const deliverTime = 8 * time.Second

// deliver tells the gateway what is due. Whom to tell is opened here, for this
// one call, and kept nowhere.
func (d *desk) deliver(ctx context.Context) error {
	if d.gateway.url == "" {
		return nil
	}
	begun := d.env.Now()
	parcels, err := d.courier.Due(ctx, begun, deliverEach)
	if err != nil {
		return err
	}
	var failed []error
	for _, p := range parcels {
		now := d.env.Now()
		if now.Sub(begun) > deliverTime || ctx.Err() != nil {
			break
		}
		if won, err := d.courier.Claim(ctx, p, time.Minute); err != nil || !won {
			failed = append(failed, err)
			continue
		}
		failed = append(failed, d.deliverOne(ctx, p, now))
	}
	return errors.Join(failed...)
}

func (d *desk) deliverOne(ctx context.Context, p courier.Parcel, now time.Time) error {
	contact, lang, err := d.office.Contact(ctx, p.Number, now)
	if _, refused := fault.Of(err); refused && !fault.Is(err, fault.Unavailable) {
		// Erased, or no named reporter: there is nobody to tell any more.
		return d.courier.TakeBack(ctx, p, now)
	}
	if err != nil {
		return errors.Join(err, d.courier.Missed(ctx, p, courier.WhyContact, now))
	}
	reads := page.ZH
	if lang == string(page.EN) {
		reads = page.EN
	}
	if why := d.gateway.tell(ctx, p, contact, reads, now); why != "" {
		return d.courier.Missed(ctx, p, why, now)
	}
	return d.courier.Told(ctx, p, now)
}
