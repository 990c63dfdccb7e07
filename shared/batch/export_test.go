package batch

// Unlogged sets how many changes may wait for the public log.
func (w *Desk) Unlogged(n int64) { w.unlogged = n }
