// Evaluated in a page: the texts whose contrast with what lies behind them is below 4.5 (WCAG 2.2, 1.4.3).
;(() => {
  const numbers = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number)
  const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)
  const luminance = (colour) => {
    const [r, g, b] = numbers(colour).map(linear)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const ground = (element) => {
    if (element === null) return 'rgb(255, 255, 255)'
    const colour = getComputedStyle(element).backgroundColor
    return numbers(colour)[3] === 0 ? ground(element.parentElement) : colour
  }
  const contrast = (element) => {
    const [a, b] = [luminance(getComputedStyle(element).color), luminance(ground(element))]
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
  }
  const hasText = (element) =>
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.nodeValue.trim())
  const shown = (element) => hasText(element) && element.checkVisibility() && !element.closest('svg, noscript')
  const texts = [...document.querySelectorAll('body *')].filter(shown)
  return { checked: texts.length, faint: texts.filter((text) => contrast(text) < 4.5).map((text) => text.textContent) }
})()
