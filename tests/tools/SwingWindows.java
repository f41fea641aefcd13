/* The same for Java Swing: menu, combo box, tooltip, dialog, drag. Prints as
 * gtk-windows does. Popups are windows of their own, as they are wherever
 * they do not fit into the frame. */
import java.awt.*;
import java.awt.event.*;
import javax.swing.*;
import javax.swing.event.*;

public class SwingWindows {
	static JFrame frame = new JFrame("Swing windows");

	static void fill(JMenu menu, int depth) {
		for (int i = 0; i < 8; i++) {
			String label = "Entry " + depth + "-" + i;
			if (i == 2 && depth < 3) {
				JMenu deeper = new JMenu(label);
				fill(deeper, depth + 1);
				menu.add(deeper);
			} else {
				menu.add(new JMenuItem(label))
				    .addActionListener(e -> System.out.println("chose " + label));
			}
		}
	}

	static void say(JTextField entry) {
		System.out.println("text " + entry.getText());
	}

	static void tell(String what, Component of) {
		Insets insets = frame.getInsets();
		Point at = SwingUtilities.convertPoint(of, 0, 0, frame);
		System.out.println("at " + what + " " + (at.x - insets.left) + " " + (at.y - insets.top) + " " +
				   of.getWidth() + " " + of.getHeight());
	}

	public static void main(String[] words) {
		JPopupMenu.setDefaultLightWeightPopupEnabled(false);
		ToolTipManager.sharedInstance().setLightWeightPopupEnabled(false);
		ToolTipManager.sharedInstance().setInitialDelay(50);
		SwingUtilities.invokeLater(() -> {
			JMenuBar bar = new JMenuBar();
			JMenu menu = new JMenu("File");
			fill(menu, 1);
			bar.add(menu);
			frame.setJMenuBar(bar);
			String[] choices = new String[12];
			for (int i = 0; i < 12; i++)
				choices[i] = "Choice " + i;
			JComboBox<String> combo = new JComboBox<>(choices);
			JButton button = new JButton("Button") {
				/* inside the frame it would be a part of that */
				public Point getToolTipLocation(MouseEvent e) {
					return new Point(20, frame.getHeight());
				}
			};
			JTextField entry = new JTextField();
			button.setToolTipText("A tooltip of this button");
			button.addActionListener(e -> {
				System.out.println("pressed");
				JDialog dialog = new JDialog(frame, "A dialog", true);
				dialog.add(new JLabel("A message"));
				dialog.setSize(200, 100);
				dialog.setDefaultCloseOperation(JDialog.DISPOSE_ON_CLOSE);
				dialog.setVisible(true);
			});
			entry.getDocument().addDocumentListener(new DocumentListener() {
				public void insertUpdate(DocumentEvent e) { say(entry); }
				public void removeUpdate(DocumentEvent e) { say(entry); }
				public void changedUpdate(DocumentEvent e) { }
			});
			JLabel source = new JLabel("dragged");
			source.setTransferHandler(new TransferHandler("text"));
			source.addMouseMotionListener(new MouseMotionAdapter() {
				public void mouseDragged(MouseEvent e) {
					source.getTransferHandler().exportAsDrag(source, e, TransferHandler.COPY);
				}
			});
			JPanel panel = new JPanel(new GridLayout(4, 1));
			panel.add(combo);
			panel.add(button);
			panel.add(entry);
			panel.add(source);
			frame.add(panel);
			frame.setSize(500, 400);
			frame.setDefaultCloseOperation(JFrame.EXIT_ON_CLOSE);
			frame.setVisible(true);
			entry.requestFocusInWindow();
			new Timer(500, e -> {
				((Timer) e.getSource()).stop();
				tell("menu", menu);
				tell("combo", combo);
				tell("button", button);
				tell("entry", entry);
				tell("drag", source);
				System.out.println("shown");
			}).start();
		});
	}
}
