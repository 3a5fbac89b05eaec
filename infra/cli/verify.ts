/**
 * `keys verify`: the chain of evidence, checked on this machine from the records themselves, and against a head noted earlier.
 *
 * What only the function app can check (the records' MACs, the tags in the vault) is in what it says. A head that was noted
 * before is what even somebody with the functions' rights cannot fit a chain to (docs/keys.md, Evidence).
 */
import { beginning, type EvidenceRecord, headOf, headText, parseHead, problemsOf } from '../../shared/evidence.ts'
import type { Told } from '../../shared/manage.ts'
import { objectIn, plain, UsageError } from './command.ts'

export interface Finding {
  problems: string[]
  /** The last record's, as computed here. */
  head: string
  records: number
}

export function verify({ history, chain }: Told, noted: string | undefined): Finding {
  if (noted !== undefined && parseHead(noted) === undefined) throw new UsageError('--head takes a number, a point and 64 hex digits')
  const records: EvidenceRecord[] = Array.isArray(history) ? history : []
  const { state, problems } = objectIn(chain)
  const told: string[] = Array.isArray(problems) ? problems.map(plain) : []
  const anchors = noted === undefined ? [] : [{ head: noted, where: 'the head that you noted' }]
  const found = problemsOf(records, anchors)
  const silent = state !== 'intact' && told.length === 0 ? ['the service says that the chain is not intact'] : []
  const last = records.at(-1)
  return {
    problems: [...new Set([...told, ...silent, ...found])],
    head: headText(last ? headOf(last) : beginning),
    records: records.length,
  }
}

export const verdictText = ({ problems, head, records }: Finding): string[] =>
  problems.length === 0
    ? [`Intact: ${records} record(s). Note this head outside of the cloud, and give it next time as --head:`, head]
    : ['BROKEN:', ...problems.map((problem) => `  ${problem}`)]
