package clean

import (
	"image"
	"image/draw"
)

// upright turns a picture as the orientation (EXIF 2.32, tag 0x0112) asks, so
// that it can be shown without its metadata. 0, 1 and what is no orientation
// leave it.
func upright(img image.Image, orientation int) image.Image {
	if orientation < 2 || orientation > 8 {
		return img
	}
	switch p := img.(type) {
	case *image.YCbCr:
		if q := turnYCbCr(p, orientation); q != nil {
			return q
		}
	case *image.Gray:
		r := turned(p.Rect, orientation)
		q := image.NewGray(r)
		turnPlane(q.Pix, q.Stride, p.Pix, p.Stride, p.Rect.Dx(), p.Rect.Dy(), orientation)
		return q
	}
	src := image.NewNRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Draw(src, src.Rect, img, img.Bounds().Min, draw.Src)
	q := image.NewNRGBA(turned(src.Rect, orientation))
	w, h := src.Rect.Dx(), src.Rect.Dy()
	for y := range h {
		for x := range w {
			tx, ty := place(x, y, w, h, orientation)
			copy(q.Pix[ty*q.Stride+tx*4:][:4], src.Pix[y*src.Stride+x*4:][:4])
		}
	}
	return q
}

// ratios maps how chroma is subsampled to what that is after a quarter turn.
var ratios = map[image.YCbCrSubsampleRatio]image.YCbCrSubsampleRatio{
	image.YCbCrSubsampleRatio444: image.YCbCrSubsampleRatio444,
	image.YCbCrSubsampleRatio420: image.YCbCrSubsampleRatio420,
	image.YCbCrSubsampleRatio422: image.YCbCrSubsampleRatio440,
	image.YCbCrSubsampleRatio440: image.YCbCrSubsampleRatio422,
}

// turnYCbCr turns plane by plane, which takes as much memory again and not the
// five times of turning it as RGBA. Nil where the turned ratio has no name.
func turnYCbCr(p *image.YCbCr, orientation int) *image.YCbCr {
	ratio := p.SubsampleRatio
	if orientation >= 5 {
		var ok bool
		if ratio, ok = ratios[ratio]; !ok {
			return nil
		}
	}
	q := image.NewYCbCr(turned(p.Rect, orientation), ratio)
	turnPlane(q.Y, q.YStride, p.Y, p.YStride, p.Rect.Dx(), p.Rect.Dy(), orientation)
	// As many samples as NewYCbCr makes of a picture of this size.
	cw, ch := q.CStride, len(q.Cb)/max(1, q.CStride)
	if orientation >= 5 {
		cw, ch = ch, cw
	}
	turnPlane(q.Cb, q.CStride, p.Cb, p.CStride, cw, ch, orientation)
	turnPlane(q.Cr, q.CStride, p.Cr, p.CStride, cw, ch, orientation)
	return q
}

func turnPlane(dst []byte, dstStride int, src []byte, srcStride, w, h, orientation int) {
	for y := range h {
		row := src[y*srcStride:][:w]
		for x, v := range row {
			tx, ty := place(x, y, w, h, orientation)
			dst[ty*dstStride+tx] = v
		}
	}
}

func turned(r image.Rectangle, orientation int) image.Rectangle {
	if orientation >= 5 {
		return image.Rect(0, 0, r.Dy(), r.Dx())
	}
	return image.Rect(0, 0, r.Dx(), r.Dy())
}

// place is where the pixel at (x, y) of a picture of w × h comes to stand.
func place(x, y, w, h, orientation int) (int, int) {
	switch orientation {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return h - 1 - y, x
	case 7:
		return h - 1 - y, w - 1 - x
	case 8:
		return y, w - 1 - x
	}
	return x, y
}
