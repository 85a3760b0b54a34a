from .alignment.align import Alignment, align
from .alignment.lines import Revolution, revolution
from .alignment.pilot_trajectory import pilot_trajectory
from .alignment.restore import restore
from .alignment.skew import Skew, skew
from .alignment.track import track
from .analysis.transport import analyse_transport
from .analysis.vinyl.analyse import analyse_vinyl
from .block import AbstractBlock, quiet
from .blocks.add import Add
from .blocks.anhysteretic import Anhysteretic
from .blocks.antialiased import Antialiased
from .blocks.arm_resonance import ArmResonance
from .blocks.azimuth import Azimuth
from .blocks.biquad import Biquad
from .blocks.cartridge import Cartridge
from .blocks.cartridge_crosstalk import CartridgeCrosstalk
from .blocks.chain import MidSide, Mix, Parallel, PerChannel, Serial
from .blocks.contact_loss import ContactLoss
from .blocks.crosstalk import Crosstalk
from .blocks.curve import HardClip, Polynomial, Rational, SoftClip, Tanh
from .blocks.delay import FixedDelay, VariableDelay
from .blocks.disc_equaliser import DiscEqualiser
from .blocks.dynamics import Compressor, EnvelopeFollower
from .blocks.elliptical import EllipticalEQ
from .blocks.equaliser import GraphicEQ, ParametricEQ
from .blocks.feedback import Feedback
from .blocks.filter import AllPass, BandPass, HighPass, HighShelf, LowPass, LowShelf, Notch, Peak
from .blocks.fir import FIR
from .blocks.flax import FlaxBlock
from .blocks.gain import Balance, Gain
from .blocks.head_bump import HeadBump
from .blocks.hysteresis import Hysteresis
from .blocks.learned_curve import MLPCurve, SplineCurve
from .blocks.level import Level
from .blocks.lift import Lift
from .blocks.mistracking import Mistracking
from .blocks.mlp import MLP
from .blocks.modulation_noise import ModulationNoise
from .blocks.one_pole import DCBlocker, OnePole
from .blocks.oversampled import Oversampled
from .blocks.parallel_filters import ParallelFilters
from .blocks.print_through import PrintThrough, with_pre_echo
from .blocks.recurrent import GRU, LSTM
from .blocks.tape_equaliser import TapeEqualiser
from .blocks.tape_loss import TapeLoss
from .blocks.tcn import TCN
from .blocks.time_constants import TimeConstants
from .blocks.tracing import Tracing
from .blocks.tracking_angle import TrackingAngle
from .blocks.turned import Turned
from .clock import Clock
from .control import Control, Switch, at, controls
from .data.devices.tape import Simulated, TapeSimulator
from .data.pair import Pair
from .data.recording import Recording
from .fit.adversarial import Unpaired, fit_unpaired
from .fit.confidence import Confidence, confidence
from .fit.fit import fit
from .fit.least_squares import least_squares
from .fit.run import Run
from .generators.diffusion import Diffusion
from .generators.flow import Flow
from .generators.parametric import Parametric
from .generators.table import NoiseTable, table_of
from .listing import SlotInfo, slots
from .models.tape import Tape
from .models.vinyl import Vinyl
from .render import render
from .signal.spin import change_speed, spin_down, spin_up
from .slot import AbstractSource, Constant, Param, SlotLike, param, read
from .source.automation import Automation
from .source.clicks import Clicks
from .source.dropouts import Dropouts
from .source.groove import GrooveSpeed, SidePosition
from .source.lfo import LFO
from .source.noise import Noise
from .source.rumble import MotorHum, Rumble
from .source.scratches import Scratches
from .source.surface_clicks import SurfaceClicks
from .source.surface_hiss import SurfaceHiss, Wear
from .source.trajectory import Trajectory
from .source.vertical import Vertical
from .source.wander import Wander
from .source.warble import Warble
from .storage import load, save
from .stream import Stream
