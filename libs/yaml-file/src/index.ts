export { formatProblem, readYaml, type FileProblem, type YamlFile } from './yaml-file.js';
