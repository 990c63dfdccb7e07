package citytest

import (
	"sync"

	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
)

// Escrow is the label under which Identities has the key kept apart.
const Escrow = "escrow"

// Identities are the opening keys of every unit by its label, and the one kept
// apart. They are made once for the process; nobody may change the map.
var Identities = sync.OnceValue(NewIdentities)

// NewIdentities makes such keys anew: those of another city.
func NewIdentities() map[string]seal.Identity {
	out := map[string]seal.Identity{}
	for _, label := range append(staff.UnitLabels(), Escrow) {
		id, err := seal.Generate()
		if err != nil {
			panic(err)
		}
		out[label] = id
	}
	return out
}

// Recipients are what is sealed to of units with these identities, by their labels;
// the key kept apart is none of them. The map is the caller's.
func Recipients(identities map[string]seal.Identity) map[string]seal.Recipient {
	out := map[string]seal.Recipient{}
	for label, id := range identities {
		if label != Escrow {
			out[label] = id.Recipient()
		}
	}
	return out
}
