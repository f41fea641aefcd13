#!/usr/bin/python3
"""The same for Qt: menu, combo box, tooltip, dialog, drag. Prints as gtk-windows does."""
import signal, sys
from PyQt5.QtCore import QMimeData, QPoint, QTimer, Qt
from PyQt5.QtGui import QDrag
from PyQt5.QtWidgets import (QApplication, QComboBox, QLabel, QLineEdit, QMainWindow, QMessageBox, QProxyStyle, QPushButton,
                             QStyle, QVBoxLayout, QWidget)


class Style(QProxyStyle):
    def styleHint(self, hint, option=None, widget=None, data=None):
        if hint == QStyle.SH_ToolTip_WakeUpDelay:
            return 50
        return super().styleHint(hint, option, widget, data)


class Source(QLabel):
    def mouseMoveEvent(self, event):
        drag, data = QDrag(self), QMimeData()
        data.setText("dragged")
        drag.setMimeData(data)
        drag.exec_(Qt.CopyAction)


def say(*words):
    print(*words, flush=True)


signal.signal(signal.SIGTERM, signal.SIG_DFL)
app = QApplication(sys.argv)
app.setStyle(Style("Fusion"))
window = QMainWindow()
window.setWindowTitle("Qt windows")
window.resize(500, 400)


def fill(menu, depth):
    for i in range(8):
        if i == 2 and depth < 3:
            fill(menu.addMenu("Entry %d-%d" % (depth, i)), depth + 1)
        else:
            menu.addAction("Entry %d-%d" % (depth, i), lambda text="%d-%d" % (depth, i): say("chose Entry", text))


file_menu = window.menuBar().addMenu("File")
fill(file_menu, 1)
combo, button, entry, source = QComboBox(), QPushButton("Button"), QLineEdit(), Source("Drag this")
entry.textChanged.connect(lambda text: say("text", text))
combo.addItems(["Choice %d" % i for i in range(12)])
combo.setCurrentIndex(3)
button.setToolTip("A tooltip of this button")


def pressed():
    say("pressed")
    box = QMessageBox(QMessageBox.Information, "A dialog", "A message", QMessageBox.Close, window)
    box.setAttribute(Qt.WA_DeleteOnClose)
    box.open()


button.clicked.connect(pressed)
central, layout = QWidget(), QVBoxLayout()
for widget in (combo, button, entry, source):
    layout.addWidget(widget)
central.setLayout(layout)
window.setCentralWidget(central)
window.show()
entry.setFocus()


def tell():
    bar = window.menuBar()
    area = bar.actionGeometry(file_menu.menuAction())
    at = bar.mapTo(window, area.topLeft())
    say("at menu", at.x(), at.y(), area.width(), area.height())
    for name, widget in (("combo", combo), ("button", button), ("entry", entry), ("drag", source)):
        at = widget.mapTo(window, QPoint(0, 0))
        say("at", name, at.x(), at.y(), widget.width(), widget.height())
    say("shown")


QTimer.singleShot(500, tell)
sys.exit(app.exec_())
