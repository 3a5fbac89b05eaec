import { sampleForest } from '../../../local/directory/seed.ts'
import { causesContract } from './causes.ts'
import { directoryContract } from './contract.ts'
import { startStandIn } from './forests.ts'
import { sideBySideContract } from './side-by-side.ts'

directoryContract('local/directory', () => startStandIn(sampleForest()))
sideBySideContract('stand-in')
causesContract('stand-in')
