{{- /* The pod of a component. root: the chart's values; name: the component; words: its command. */ -}}
{{- define "darkmap.pod" -}}
{{- $c := index .root.Values.components .name -}}
{{- $job := has .name (list "topics" "migrate") -}}
{{- $kafka := ne .name "migrate" -}}
{{- $store := has .name (list "sink" "serve" "migrate") -}}
{{- $v := .root.Values -}}
metadata:
  labels:
    {{- include "darkmap.labels" . | nindent 4 }}
  annotations:
    checksum/config: {{ include "darkmap.configHash" .root }}
spec:
  serviceAccountName: {{ .root.Release.Name }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $c.gracePeriodSeconds }}
  {{- if $job }}
  restartPolicy: OnFailure
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    seccompProfile: {type: RuntimeDefault}
  {{- with $v.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if has .name (list "detect" "notify") }}
  affinity:
    podAntiAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        - topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "darkmap.selector" . | nindent 14 }}
      preferredDuringSchedulingIgnoredDuringExecution:
        - weight: 100
          podAffinityTerm:
            topologyKey: topology.kubernetes.io/zone
            labelSelector:
              matchLabels:
                {{- include "darkmap.selector" . | nindent 16 }}
  {{- end }}
  {{- if not $job }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "darkmap.selector" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  containers:
    - name: {{ .name }}
      image: {{ include "darkmap.image" .root }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args:
        {{- toYaml .words | nindent 8 }}
        - --config=/etc/darkmap/darkmap.yaml
        - --data-dir=/var/lib/darkmap
        - --cache-dir=/var/cache/darkmap
        - --log-level={{ $v.log.level }}
        - --log-format={{ $v.log.format }}
        {{- if not $job }}
        - --admin-addr=:9464
        {{- if ne .name "serve" }}
        - --instance=$(POD_NAME)
        {{- end }}
        {{- end }}
        {{- if eq .name "serve" }}
        # serve only reads: both logins are the reader's.
        - --set=clickhouse.user={{ $v.config.clickhouse.reader.user }}
        - --set=clickhouse.password.file={{ $v.config.clickhouse.reader.password.file }}
        {{- end }}
        {{- with .family }}
        - --set=detect.families={{ . }}
        {{- end }}
        {{- toYaml $c.extraArgs | trimPrefix "[]" | nindent 8 }}
        {{- if and $kafka $v.kafka.tls.enabled }}
        - --set=kafka.tls.enabled=true
        - --set=kafka.tls.ca_file=/run/secrets/darkmap/kafka-ca/ca.crt
        {{- end }}
        {{- if and $kafka $v.kafka.sasl.enabled }}
        - --set=kafka.sasl.mechanism={{ $v.kafka.sasl.mechanism }}
        - --set=kafka.sasl.user={{ $v.kafka.sasl.prefix }}{{ .name }}
        - --set=kafka.sasl.password.file=/run/secrets/darkmap/kafka/password
        {{- end }}
      env:
        - name: POD_NAME
          valueFrom: {fieldRef: {fieldPath: metadata.name}}
        - name: GOMEMLIMIT
          value: {{ $c.goMemLimit }}
        - name: GOMAXPROCS
          valueFrom: {resourceFieldRef: {containerName: {{ .name }}, resource: requests.cpu, divisor: "1"}}
      {{- if not $job }}
      ports:
        - {name: admin, containerPort: 9464}
        {{- if eq .name "serve" }}
        - {name: http, containerPort: 8480}
        {{- end }}
        {{- if eq .name "ingest" }}
        - {name: bmp, containerPort: 11019}
        {{- end }}
      # A start waits for Kafka and ClickHouse, fetches data (enrich) or brings the tables to its schema (sink): 15 minutes.
      startupProbe:
        httpGet: {path: /livez, port: admin}
        periodSeconds: 5
        failureThreshold: 180
      livenessProbe:
        httpGet: {path: /livez, port: admin}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: admin}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      {{- end }}
      {{- if eq .name "serve" }}
      lifecycle:
        preStop: {sleep: {seconds: {{ $c.preStopSeconds }}}}
      {{- end }}
      resources:
        requests: {cpu: {{ $c.cpu | quote }}, memory: {{ $c.memory }}, ephemeral-storage: {{ $c.disk }}}
        limits: {memory: {{ $c.memory }}, ephemeral-storage: {{ $c.disk }}}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      volumeMounts:
        - {name: config, mountPath: /etc/darkmap, readOnly: true}
        - {name: scratch, mountPath: /var/lib/darkmap, subPath: lib}
        - {name: scratch, mountPath: /var/cache/darkmap, subPath: cache}
        - {name: scratch, mountPath: /tmp, subPath: tmp}
        {{- if $store }}
        - {name: clickhouse, mountPath: /run/secrets/darkmap/clickhouse, readOnly: true}
        {{- end }}
        {{- if eq .name "serve" }}
        - {name: serve-key, mountPath: /run/secrets/darkmap/serve, readOnly: true}
        {{- end }}
        {{- with $v.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- if and $kafka $v.kafka.tls.enabled }}
        - {name: kafka-ca, mountPath: /run/secrets/darkmap/kafka-ca, readOnly: true}
        {{- end }}
        {{- if and $kafka $v.kafka.sasl.enabled }}
        - {name: kafka, mountPath: /run/secrets/darkmap/kafka, readOnly: true}
        {{- end }}
  volumes:
    - name: config
      configMap: {name: {{ .root.Release.Name }}-config}
    - name: scratch
      emptyDir: {sizeLimit: {{ $c.disk }}}
    {{- if $store }}
    - name: clickhouse
      secret:
        secretName: {{ $v.secrets.clickhouse }}
        defaultMode: 0440
        items:
          {{- if ne .name "serve" }}
          - {key: password, path: password}
          {{- end }}
          - {key: reader-password, path: reader-password}
    {{- end }}
    {{- if eq .name "serve" }}
    - name: serve-key
      secret: {secretName: {{ $v.secrets.serve }}, defaultMode: 0440, items: [{key: key, path: key}]}
    {{- end }}
    {{- with $v.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- if and $kafka $v.kafka.tls.enabled }}
    - name: kafka-ca
      secret: {secretName: {{ $v.kafka.tls.secret }}, defaultMode: 0440, items: [{key: ca.crt, path: ca.crt}]}
    {{- end }}
    {{- if and $kafka $v.kafka.sasl.enabled }}
    - name: kafka
      secret: {secretName: {{ $v.kafka.sasl.prefix }}{{ .name }}, defaultMode: 0440, items: [{key: password, path: password}]}
    {{- end }}
{{- end }}
