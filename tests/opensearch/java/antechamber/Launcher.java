package antechamber;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Scanner;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.codelibs.opensearch.runner.OpenSearchRunner;
import org.opensearch.http.HttpServerTransport;
import org.opensearch.node.Node;
import org.opensearch.transport.TransportService;

/**
 * Runs nodes on loopback: {@code Launcher FOLDER PORT NODES CLUSTER [KEY=VALUE ...]}.
 *
 * <p>Port 0 takes free ones, any other is the first node's. Once all nodes are up, their addresses are in FOLDER/addresses, one a
 * line. On standard input, {@code stop N} closes the N-th node, counted from 0; its end ends everything.
 */
public final class Launcher {
  private static final OpenSearchRunner RUNNER = new OpenSearchRunner();

  public static void main(String[] arguments) {
    Runtime.getRuntime().addShutdownHook(new Thread(Launcher::close));
    Thread.ofPlatform().start(Launcher::listen); // also keeps the process alive: OpenSearch's own threads are daemons
    try {
      start(arguments);
    } catch (Throwable error) {
      error.printStackTrace();
      System.exit(1);
    }
  }

  private static void start(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    int port = Integer.parseInt(arguments[1]);
    int nodes = Integer.parseInt(arguments[2]);
    RUNNER.onBuild((number, settings) -> {
      settings.put("http.host", "127.0.0.1").put("transport.host", "127.0.0.1").put("transport.port", 0);
      settings.put("http.port", port == 0 ? 0 : port + number - 1);
      // Nodes start one after another: none waits for the cluster, and each later one finds it through the first.
      settings.put("discovery.initial_state_timeout", "0s");
      settings.putList("discovery.seed_hosts", number == 1 ? List.of() : List.of(transport(RUNNER.getNode(0))));
      for (String setting : List.of(arguments).subList(4, arguments.length)) {
        settings.put(setting.split("=", 2)[0], setting.split("=", 2)[1]);
      }
    });
    RUNNER.build(
        OpenSearchRunner.newConfigs().basePath(folder.toString()).numOfNode(nodes).clusterName(arguments[3])
            .pluginTypes(KnnWithoutGrpc.class.getName()).disableESLogger());
    String addresses = IntStream.range(0, nodes).mapToObj(i -> http(RUNNER.getNode(i))).collect(Collectors.joining("\n"));
    Files.move(Files.writeString(folder.resolve("addresses.part"), addresses + "\n"), folder.resolve("addresses"));
  }

  private static String http(Node node) {
    return node.injector().getInstance(HttpServerTransport.class).boundAddress().publishAddress().toString();
  }

  private static String transport(Node node) {
    return node.injector().getInstance(TransportService.class).boundAddress().publishAddress().toString();
  }

  private static void listen() {
    Scanner lines = new Scanner(System.in);
    while (lines.hasNextLine()) {
      String[] words = lines.nextLine().split(" ");
      try {
        RUNNER.getNode(Integer.parseInt(words[1])).close();
      } catch (Exception error) {
        error.printStackTrace();
      }
    }
    System.exit(0);
  }

  private static void close() {
    try {
      RUNNER.close();
    } catch (Exception error) {
      error.printStackTrace();
    }
  }
}
