import { sampleForest } from '../../../local/directory/seed.ts'
import { directoryContract } from './contract.ts'
import { startStandIn } from './forests.ts'

directoryContract('local/directory', () => startStandIn(sampleForest()))
