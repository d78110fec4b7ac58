/*
 * Renders mapping templates with Apache Velocity, and validates bodies with the validator that API Gateway is built on.
 *
 * Reads a job a line from standard input, and writes an answer a line. Fields are separated by tabs, every text is in
 * base64 of its UTF-8, and a map is `key:value,key:value`. A NUL in a key leads into a map inside the map.
 *
 *   template  <id> <text>
 *   render    <id> <body> <path> <query> <headers> <context>   gives  text <text> <status> <headers> <path>
 *             the variables of the stage are `stageVariables` of the context
 *   model     <id> <schema>
 *   validate  <id> <body>                                      gives  fits | refused <why>
 *
 * Whatever throws gives: error <what>
 */

import com.fasterxml.jackson.databind.JsonNode;
import com.github.fge.jackson.JsonLoader;
import com.github.fge.jsonschema.core.report.ProcessingMessage;
import com.github.fge.jsonschema.core.report.ProcessingReport;
import com.github.fge.jsonschema.main.JsonSchema;
import com.github.fge.jsonschema.main.JsonSchemaFactory;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.StringWriter;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.commons.lang.StringEscapeUtils;
import org.apache.velocity.VelocityContext;
import org.apache.velocity.app.VelocityEngine;
import org.apache.velocity.runtime.resource.loader.StringResourceLoader;

public class Differential {
    /** `$util`, as https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html */
    public static class Util {
        public String urlEncode(String text) throws Exception {
            return URLEncoder.encode(text, "UTF-8");
        }

        public String base64Encode(String text) {
            return encoded(text);
        }

        public String escapeJavaScript(String text) {
            return StringEscapeUtils.escapeJavaScript(text);
        }
    }

    /** `$input`. A missing payload reads as an empty object, as recorded from AWS. */
    public static class Input {
        private final String body;
        private final Map<String, Object> places = new LinkedHashMap<>();

        Input(String body, Map<String, Object> path, Map<String, Object> query, Map<String, Object> headers) {
            this.body = body.isEmpty() ? "{}" : body;
            places.put("path", path);
            places.put("querystring", query);
            places.put("header", headers);
        }

        public String getBody() {
            return body;
        }

        public Map<String, Object> params() {
            return places;
        }

        public Object path(String expression) throws Exception {
            JsonNode value = JsonLoader.fromString(body);
            for (String step : expression.substring(1).split("\\.")) {
                value = step.isEmpty() ? value : value.path(step);
            }
            return plain(value);
        }

        /** The whole payload; no template asks for a part of it. */
        public String json(String expression) throws Exception {
            return JsonLoader.fromString(body).toString();
        }
    }

    private static Object plain(JsonNode value) {
        if (value.isObject()) {
            Map<String, Object> made = new LinkedHashMap<>();
            for (Iterator<String> names = value.fieldNames(); names.hasNext(); ) {
                String name = names.next();
                made.put(name, plain(value.get(name)));
            }
            return made;
        }
        if (value.isArray()) {
            List<Object> made = new ArrayList<>();
            value.forEach(each -> made.add(plain(each)));
            return made;
        }
        if (value.isBoolean()) {
            return value.asBoolean();
        }
        return value.isMissingNode() || value.isNull() ? null : value.asText();
    }

    private static final JsonSchemaFactory SCHEMAS = JsonSchemaFactory.byDefault();
    private static final Map<String, JsonSchema> MODELS = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        VelocityEngine engine = new VelocityEngine();
        engine.setProperty("resource.loader", "string");
        engine.setProperty("string.resource.loader.class", StringResourceLoader.class.getName());
        engine.setProperty("string.resource.loader.cache", "true");
        engine.setProperty("runtime.log.logsystem.class", "org.apache.velocity.runtime.log.NullLogChute");
        engine.init();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream out = new PrintStream(new java.io.BufferedOutputStream(System.out), false, "US-ASCII");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String answer;
            try {
                answer = done(engine, line.split("\t", -1));
            } catch (Throwable wrong) {
                answer = "error\t" + encoded(String.valueOf(wrong));
            }
            if (answer != null) {
                out.println(answer);
            }
        }
        out.flush();
    }

    private static String done(VelocityEngine engine, String[] job) throws Exception {
        switch (job[0]) {
            case "template":
                StringResourceLoader.getRepository().putStringResource(job[1], decoded(job[2]), "UTF-8");
                return null;
            case "render":
                return rendered(engine, job);
            case "model":
                MODELS.put(job[1], SCHEMAS.getJsonSchema(JsonLoader.fromString(decoded(job[2]))));
                return null;
            default:
                return validated(job);
        }
    }

    private static String rendered(VelocityEngine engine, String[] job) throws Exception {
        Map<String, Object> context = map(job[6]);
        Map<String, Object> override = new HashMap<>();
        override.put("header", new LinkedHashMap<String, Object>());
        context.put("responseOverride", override);
        Map<String, Object> request = new HashMap<>();
        request.put("path", new LinkedHashMap<String, Object>());
        context.put("requestOverride", request);
        VelocityContext variables = new VelocityContext();
        variables.put("input", new Input(decoded(job[2]), map(job[3]), map(job[4]), map(job[5])));
        variables.put("util", new Util());
        variables.put("stageVariables", context.remove("stageVariables"));
        variables.put("context", context);
        StringWriter text = new StringWriter();
        engine.getTemplate(job[1], "UTF-8").merge(variables, text);
        String status = String.valueOf(override.getOrDefault("status", "0"));
        String overridden = field((Map<?, ?>) override.get("header")) + "\t" + field((Map<?, ?>) request.get("path"));
        return "text\t" + encoded(text.toString()) + "\t" + encoded(status) + "\t" + overridden;
    }

    private static String field(Map<?, ?> map) {
        StringBuilder made = new StringBuilder();
        for (Map.Entry<?, ?> each : map.entrySet()) {
            made.append(made.length() > 0 ? "," : "");
            made.append(encoded(each.getKey().toString())).append(":").append(encoded(each.getValue().toString()));
        }
        return made.toString();
    }

    private static String validated(String[] job) throws Exception {
        JsonNode value;
        try {
            value = JsonLoader.fromString(decoded(job[2]));
        } catch (Exception | StackOverflowError wrong) {
            return "refused\t" + encoded("not JSON: " + wrong.getClass().getSimpleName());
        }
        ProcessingReport report = MODELS.get(job[1]).validate(value, true);
        StringBuilder why = new StringBuilder();
        for (ProcessingMessage each : report) {
            why.append(each.getMessage()).append("; ");
        }
        return report.isSuccess() ? "fits" : "refused\t" + encoded(why.toString());
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> map(String field) {
        Map<String, Object> made = new LinkedHashMap<>();
        if (field.isEmpty()) {
            return made;
        }
        for (String pair : field.split(",")) {
            String[] parts = pair.split(":", -1);
            String[] steps = decoded(parts[0]).split("\0", -1);
            Map<String, Object> inner = made;
            for (int step = 0; step < steps.length - 1; step++) {
                inner = (Map<String, Object>) inner.computeIfAbsent(steps[step], key -> new LinkedHashMap<String, Object>());
            }
            inner.put(steps[steps.length - 1], decoded(parts[1]));
        }
        return made;
    }

    private static String encoded(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String decoded(String field) {
        return new String(Base64.getDecoder().decode(field), StandardCharsets.UTF_8);
    }
}
