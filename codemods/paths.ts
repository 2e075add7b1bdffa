/** File names that say what a file is, without loading a parser. */
export const isComposePath = (path: string): boolean =>
  isSwarmPath(path) ||
  /(?:^|\/)(?:[\w.-]*[._-])?compose(?:[._-][\w.-]*)?\.ya?ml(?:\.(?:example|sample|dist|template))?$/i.test(path);

/** Stack files of Docker Swarm: compose files that can't build an image. */
export const isSwarmPath = (path: string): boolean =>
  /(?:^|\/)(?:docker-)?(?:stack|swarm)(?:[._-][\w.-]*)?\.ya?ml$/i.test(path);

/** Files of CI systems, whose service containers are thrown away after each run. */
export const isCiPath = (path: string): boolean =>
  /(?:^|\/)(?:\.github\/(?:workflows|actions)\/|\.ci\/|\.gitlab\/|\.circleci\/|\.buildkite\/|\.woodpecker|\.drone|\.travis|\.gitlab-ci|azure-pipelines|bitbucket-pipelines|Jenkinsfile|appveyor|\.appveyor|cloudbuild|\.semaphore|\.cirrus|\.tekton\/)/i.test(
    path,
  );
