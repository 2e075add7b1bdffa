import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** pgjdbc. Reads jobs as lines of tab-separated id, scenario, URL, user, password, and writes id and what was seen. */
public class Jdbc {
    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] job = line.split("\t");
            String seen;
            try {
                seen = job[1].equals("prepared")
                    ? prepared(job[2], job[3], job[4])
                    : searchPath(job[2], job[3], job[4], job[1].equals("set-schema"));
            } catch (SQLException error) {
                seen = firstLine(error);
            }
            System.out.println(job[0] + "\t" + seen);
        }
    }

    static String firstLine(SQLException error) {
        return error.getMessage().split("\n")[0].replaceAll("\"S_\\d+\"", "\"S_N\"");
    }

    /** Two clients whose statements have the same names, each of which must get its own answer. */
    static String prepared(String url, String user, String password) throws SQLException {
        List<Connection> clients = new ArrayList<>();
        Map<String, Integer> seen = new LinkedHashMap<>();
        try {
            for (int number : new int[] {0, 1}) clients.add(DriverManager.getConnection(url, user, password));
            List<PreparedStatement> statements = new ArrayList<>();
            for (int number : new int[] {0, 1}) statements.add(clients.get(number).prepareStatement("SELECT " + number + " + ?::int"));
            for (int round = 0; round < 8; round++)
                for (int number : new int[] {0, 1, 0}) {
                    String what;
                    PreparedStatement statement = statements.get(number);
                    statement.setInt(1, 0);
                    try (ResultSet rows = statement.executeQuery()) {
                        rows.next();
                        what = rows.getInt(1) == number ? "right" : "× another client's answer";
                    } catch (SQLException error) {
                        what = "× " + firstLine(error);
                    }
                    seen.merge(what, 1, Integer::sum);
                }
        } finally {
            for (Connection client : clients) client.close();
        }
        List<String> parts = new ArrayList<>();
        seen.forEach((what, count) -> parts.add(count + " " + what));
        return String.join(", ", parts);
    }

    /** Two clients, each with a schema of its own in its URL, where `@` stands for it, or by setSchema. */
    static String searchPath(String url, String user, String password, boolean sets) throws SQLException {
        List<String> parts = new ArrayList<>();
        List<Connection> clients = new ArrayList<>();
        try {
            for (String schema : Arrays.asList("a", "b")) clients.add(DriverManager.getConnection(url.replace("@", schema), user, password));
            if (sets) for (int i = 0; i < 2; i++) clients.get(i).setSchema(i == 0 ? "a" : "b");
            for (Connection client : clients) {
                List<String> values = new ArrayList<>();
                for (int i = 0; i < 4; i++)
                    try (ResultSet rows = client.createStatement().executeQuery("SHOW search_path")) {
                        rows.next();
                        values.add(rows.getString(1));
                    }
                parts.add((parts.isEmpty() ? "A: " : "B: ") + String.join(" ", values));
            }
        } finally {
            for (Connection client : clients) client.close();
        }
        return String.join("; ", parts);
    }
}
