package staff

import (
	"context"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
)

// Holder is the activation that a code stands for, entered together with the
// credit code of its subject: whoever holds the paper that it is printed on may act
// for the subject where a matter allows it without an account. Whether the
// activation still Works is for the matter to ask; nothing is used up. An unknown
// code, a withdrawn one and one for another subject are one refusal.
func (s *Store) Holder(ctx context.Context, code, activation string) (Activation, error) {
	wrong := fault.New(fault.Refused, "staff.activation.wrong").With("activation", "staff.activation.wrong")
	subject, err := ident.ParseUSCC(code)
	if err != nil {
		return Activation{}, fieldFault("code", err)
	}
	a, ok, err := fetch[Activation](ctx, s.rdb(), s.key("activation", hashSecret(readCode(activation))))
	if err != nil {
		return Activation{}, err
	}
	if !ok || a.Withdrawn || a.Code != string(subject) {
		return Activation{}, wrong
	}
	return a, nil
}
