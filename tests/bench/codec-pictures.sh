#!/bin/sh
# Makes the codec bench's pictures in the folder $1, 1920x1080 each: text.ppm,
# page.ppm, and photo-N.ppm from photographs of Debian's mate-backgrounds.
# The same everywhere: the words are the licence's, the fonts DejaVu's.
set -eu
out=$1
photos=${2:-/usr/share/backgrounds/mate/nature}
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$out"
font=/usr/share/fonts/truetype/dejavu
ppm() { # NAME ARGUMENT...
	name=$1
	shift
	convert "$@" -strip -alpha off -depth 8 -type TrueColor "$name"
}
# words FROM LINES WIDTH
words() { tail -n +"$1" "$root/COPYING" | fold -s -w "$3" | head -"$2" | sed 's/[\\%]/&&/g'; }

ppm text.ppm -size 1920x1080 xc:'#1d1f21' -font $font/DejaVuSansMono.ttf -pointsize 13 \
	-fill '#c5c8c6' -annotate +8+18 "$(words 1 68 110)" \
	-fill '#8abeb7' -annotate +968+18 "$(words 90 68 110)"

n=0
for photo in Storm TwoWings Wood; do
	[ -e "$photos/$photo.jpg" ] || continue
	n=$((n + 1))
	ppm photo-$n.ppm "$photos/$photo.jpg" -resize 1920x1080^ -gravity center \
		-extent 1920x1080
done
if [ $n -gt 1 ]; then
	ppm page.ppm -size 1920x1080 xc:white \
		\( -size 1920x72 gradient:'#3b6ea5'-'#27496d' \) -geometry +0+0 -composite \
		-font $font/DejaVuSans-Bold.ttf -pointsize 26 -fill white -annotate +40+46 'The daily oriel' \
		-font $font/DejaVuSans.ttf -pointsize 15 -fill '#202122' -annotate +40+120 "$(words 1 50 100)" \
		\( photo-1.ppm -resize 640x360 \) -geometry +900+120 -composite \
		\( photo-2.ppm -resize 480x270 \) -geometry +900+520 -composite \
		-fill '#f0f2f5' -draw 'rectangle 1600,100 1900,1060' \
		-font $font/DejaVuSans.ttf -pointsize 13 -fill '#0645ad' -annotate +1620+130 "$(words 100 50 40)"
fi
