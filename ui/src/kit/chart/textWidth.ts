/** The width of words in the page's font, in pixels: text of an SVG has no layout that makes room for it. */
const pens = new Map<string, CanvasRenderingContext2D | null>();

/** For a browser that draws on no canvas: a little on the safe side. */
const CHARACTER = 0.6;

export function textWidth(words: string, size: number, weight = 400): number {
  const style = `${weight} ${size}px`;
  let pen = pens.get(style);
  if (pen === undefined) {
    pen = document.createElement("canvas").getContext("2d");
    if (pen !== null) pen.font = `${style} ${getComputedStyle(document.body).fontFamily}`;
    pens.set(style, pen);
  }
  return pen === null ? words.length * size * CHARACTER : pen.measureText(words).width;
}
