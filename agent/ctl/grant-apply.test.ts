import { expect, test } from 'vitest'
import { isFault } from '../../shared/fault.ts'
import { descriptorWith } from './descriptor.fixture.ts'
import { controlBit } from './descriptor.ts'
import { withList } from './grant-apply.ts'

test('an empty list is a list; none at all is refused, because a first entry would shut everybody else out', () => {
  const empty = descriptorWith()
  const refused = expect.toSatisfy((error) => isFault(error, 'DIRECTORY_REFUSED'))
  expect(withList(empty)).toBe(empty)
  expect(() => withList({ ...empty, dacl: undefined })).toThrow(refused)
  expect(() => withList({ ...empty, control: controlBit.selfRelative })).toThrow(refused)
})
