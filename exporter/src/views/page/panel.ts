import { type Html, html } from './html.ts'

export interface Column {
  readonly head: string
  /** `n` = a number, `text` = a sentence; left out but on wide screens (`wide`), on a tablet (`lap`), on a phone (`desk`). */
  readonly look?: 'n' | 'text' | 'wide' | 'n wide' | 'lap' | 'n lap' | 'desk' | 'n desk'
}

/** A table with its heading. */
export interface Table {
  readonly id: string
  readonly title: string
  readonly note: string
  readonly columns: readonly Column[]
  /** Cells of each row; the first names the row. */
  readonly rows: readonly (readonly Html[])[]
  /** Said in place of the table when there is no row. */
  readonly empty: string
  /** What must be known beside the table. */
  readonly remarks?: readonly string[]
}

/** A section with a heading and a table, or what is said in its place. */
export function panel({ id, title, note, columns, rows, empty, remarks = [] }: Table): Html {
  const heading = html`<h2 id="h-${id}">${title} <small>${note}</small></h2>`
  const body =
    rows.length === 0
      ? html`<p class="nothing">${empty}</p>`
      : html`<div class="scroll" tabindex="0" role="region" aria-labelledby="h-${id}"><table>
<thead><tr>${columns.map((column) => html`<th scope="col" class="${column.look ?? ''}">${column.head}</th>`)}</tr></thead>
<tbody>${rows.map((cells) => row(cells, columns))}</tbody></table></div>`
  return html`<section aria-labelledby="h-${id}" class="panel" id="${id}">
${heading}
${body}
${
  remarks.length === 0
    ? null
    : html`<ul class="remarks">${remarks.map((text) => html`<li>${text}</li>`)}</ul>
`
}</section>
`
}

function row(cells: readonly Html[], columns: readonly Column[]): Html {
  const drawn = cells.map((cell, i) =>
    i === 0 ? html`<th scope="row">${cell}</th>` : html`<td class="${columns[i]?.look ?? ''}">${cell}</td>`,
  )
  return html`<tr>${drawn}</tr>
`
}
