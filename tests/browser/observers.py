"""Scripts that watch a page for a test; they are evaluated from outside, so the page's policy stays as it is."""

#: notes every value that the progress bar has been given
WATCH = """() => {
  window.mark = 'the same page'; window.values = [];
  new MutationObserver(() => {
    const bar = document.querySelector('#jobbar');
    if (bar?.hasAttribute('value') && window.values.at(-1) !== bar.value) window.values.push(bar.value);
  }).observe(document.body, {subtree: true, childList: true, attributes: true, attributeFilter: ['value']});
}"""


#: the contrast of a button's words, by the formula of WCAG
CONTRAST = """button => {
  const light = text => {
    const parts = text.match(/[\\d.]+/g).map(n => n / 255);
    const [r, g, b] = parts.map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b + .05;
  };
  const style = getComputedStyle(button), lights = [light(style.color), light(style.backgroundColor)];
  const [low, high] = lights.sort((a, b) => a - b);
  return high / low;
}"""
#: notes everything that a screen reader is told
LISTEN = """() => {
  window.said = [];
  new MutationObserver(() => window.said.push(document.querySelector('#say').textContent)).observe(
    document.querySelector('#say'), {childList: true, characterData: true, subtree: true});
}"""
